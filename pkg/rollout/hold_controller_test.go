package rollout

import (
	"cmp"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// shop is the Deployment controller's and the ReplicaSet controller's arithmetic
// as Kubernetes 1.36 has it, one sync at a time: pkg/controller/deployment/
// rolling.go, sync.go and util/deployment_util.go. Names are those of the originals.
type shop struct {
	t        *testing.T
	rnd      *rand.Rand
	replicas int
	live     Live
	observed int64
	rs       []*replicaSet // by age
	// good says whether a version's Pods become ready.
	good map[string]bool
}

type replicaSet struct {
	hash, template   string
	replicas         int
	minReady         string
	desired, largest int // annotations desired-replicas and max-replicas
	pods, ready      int
	available        int // as its status has it; it lags
}

var deploymentRef = Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}

const oldTemplate, newTemplate = `{"spec":{"containers":[{"image":"web:v1"}]}}`, `{"spec":{"containers":[{"image":"web:v2"}]}}`

func deploymentState(strategy Strategy, surge int, original Fields) *State {
	return &State{
		Spec:    Spec{Workload: deploymentRef, Strategy: strategy, MaxSurge: surge},
		OldHash: "old", NewHash: "new", Template: []byte(newTemplate),
		Managed: []Managed{{Ref: deploymentRef, UID: "u", Original: original, Paths: deployment{}.paths()}},
	}
}

func usualFields() Fields {
	return Fields{
		TemplateField: []byte(oldTemplate), DeadlineField: []byte("600"),
		StrategyField: []byte(`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}`),
	}
}

func newShop(t *testing.T, rnd *rand.Rand, n int, fields Fields) *shop {
	t.Helper()
	c := &shop{t: t, rnd: rnd, replicas: n, observed: 1, good: map[string]bool{"old": true, "new": true}}
	c.live = Live{UID: "u", Generation: 1, Fields: Fields{}}
	for p, v := range fields {
		c.live.Fields[p] = v
	}
	surge, _ := fenceposts(fields[StrategyField], n)
	c.rs = []*replicaSet{{hash: "old", template: oldTemplate, replicas: n, pods: n, ready: n, available: n, desired: n, largest: n + surge}}
	return c
}

func (c *shop) world() *World {
	w := &World{
		Workload: &Workload{Generation: c.live.Generation, Observed: c.observed, Replicas: c.replicas},
		Live:     map[Ref]Live{deploymentRef: c.live},
		Old:      Version{Hash: "old"}, New: Version{Hash: "new"},
	}
	for _, rs := range c.rs {
		v := Version{Hash: rs.hash, Wanted: rs.replicas, Replicas: rs.pods, Ready: rs.ready, Available: rs.available}
		if rs.hash == "old" {
			w.Old = v
		} else {
			w.New = v
		}
	}
	return w
}

// apply is the API server: preconditions, and generation only grows with spec.
func (c *shop) apply(w *Write) {
	c.t.Helper()
	if w.UID != c.live.UID || w.Generation != c.live.Generation || len(w.Changes) == 0 {
		c.t.Fatalf("write %+v does not fit uid %s and generation %d", w, c.live.UID, c.live.Generation)
	}
	fields := Fields{}
	for p, v := range c.live.Fields {
		fields[p] = v
	}
	for _, change := range w.Changes {
		if !Same(fields[change.Path], change.From) {
			c.t.Fatalf("%s is %s, not %s", change.Path, fields[change.Path], change.From)
		}
		if fields[change.Path] = change.To; change.To == nil {
			delete(fields, change.Path)
		}
	}
	if s := fields[StrategyField]; s != nil && zeroTwice(s) {
		c.t.Fatalf("the API server refuses %s", s)
	}
	c.live.Fields = fields
	c.live.Generation++
}

func zeroTwice(strategy []byte) bool {
	return Same(strategy, []byte(`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":0}}`))
}

func (c *shop) scaleTo(n int) {
	c.replicas = n
	c.live.Generation++
}

// tick is one thing that some controller or kubelet does; false where none had anything to do.
func (c *shop) tick() bool {
	did := []func() bool{c.syncDeployment, c.syncReplicaSets, c.syncStatus, c.podReady}
	c.rnd.Shuffle(len(did), func(i, j int) { did[i], did[j] = did[j], did[i] })
	return slices.ContainsFunc(did, func(f func() bool) bool { return f() })
}

func (c *shop) strategy() (surge, unavailable int) {
	surge, unavailable = fenceposts(c.live.Fields[StrategyField], c.replicas)
	return surge, unavailable
}

func (c *shop) total() (n int) {
	for _, rs := range c.rs {
		n += rs.replicas
	}
	return n
}

func (c *shop) readyPods() (n int) {
	for _, rs := range c.rs {
		n += rs.ready
	}
	return n
}

func (c *shop) newRS() *replicaSet {
	for _, rs := range c.rs {
		if rs.template == string(c.live.Fields[TemplateField]) {
			return rs
		}
	}
	return nil
}

func (c *shop) oldRSs() (old []*replicaSet) {
	current := c.newRS()
	for _, rs := range c.rs {
		if rs != current && rs.replicas > 0 {
			old = append(old, rs)
		}
	}
	return old
}

// syncDeployment is DeploymentController.syncDeployment up to the first change.
func (c *shop) syncDeployment() bool {
	seen := c.observed < c.live.Generation
	for _, rs := range c.rs {
		if rs.replicas > 0 && rs.desired != c.replicas {
			scaled := c.scale()
			c.observed = c.live.Generation
			return seen || scaled
		}
	}
	created := false
	if c.newRS() == nil {
		surge, _ := c.strategy()
		n := max(0, min(c.replicas+surge-c.total(), c.replicas))
		c.rs = append(c.rs, &replicaSet{hash: "new", template: string(c.live.Fields[TemplateField]), replicas: n})
		created = true
	}
	current := c.newRS()
	if m := string(c.live.Fields[MinReadyField]); current.minReady != m {
		current.minReady, created = m, true
	}
	if created {
		c.annotate(current)
	}
	did := created || c.reconcileNew(current) || c.reconcileOld(current)
	c.observed = c.live.Generation
	return seen || did
}

func (c *shop) annotate(rs *replicaSet) {
	surge, _ := c.strategy()
	rs.desired, rs.largest = c.replicas, c.replicas+surge
}

func (c *shop) resize(rs *replicaSet, n int) bool {
	if rs.replicas == n {
		return false
	}
	rs.replicas = n
	c.annotate(rs)
	return true
}

func (c *shop) reconcileNew(rs *replicaSet) bool {
	if rs.replicas >= c.replicas {
		return c.resize(rs, c.replicas)
	}
	surge, _ := c.strategy()
	up := c.replicas + surge - c.total()
	if up <= 0 {
		return false
	}
	return c.resize(rs, rs.replicas+min(up, c.replicas-rs.replicas))
}

func (c *shop) reconcileOld(current *replicaSet) bool {
	_, unavailable := c.strategy()
	minAvailable := c.replicas - unavailable
	maxScaledDown := c.total() - minAvailable - (current.replicas - current.available)
	if maxScaledDown <= 0 {
		return false
	}
	cleaned := 0
	for _, rs := range c.oldRSs() { // cleanupUnhealthyReplicas
		unhealthy := rs.replicas - rs.available
		if unhealthy < 0 {
			return false // its status is from before: "got invalid request to scale down"
		}
		if cleaned < maxScaledDown {
			n := min(maxScaledDown-cleaned, unhealthy)
			c.resize(rs, rs.replicas-n)
			cleaned += n
		}
	}
	available := current.available
	for _, rs := range c.oldRSs() {
		available += rs.available
	}
	left := max(0, available-minAvailable)
	for _, rs := range c.oldRSs() { // scaleDownOldReplicaSetsForRollingUpdate
		n := min(rs.replicas, left)
		cleaned += n
		left -= n
		c.resize(rs, rs.replicas-n)
	}
	return cleaned > 0
}

// scale is DeploymentController.scale: in proportion.
func (c *shop) scale() bool {
	var active []*replicaSet
	for _, rs := range c.rs {
		if rs.replicas > 0 {
			active = append(active, rs)
		}
	}
	if len(active) == 1 {
		did := c.resize(active[0], c.replicas)
		c.annotate(active[0])
		return did
	}
	if rs := c.newRS(); rs != nil && rs.replicas == c.replicas && rs.desired == c.replicas && rs.available == c.replicas {
		for _, old := range c.oldRSs() {
			c.resize(old, 0)
		}
		return true
	}
	surge, _ := c.strategy()
	allowed := 0
	if c.replicas > 0 {
		allowed = c.replicas + surge
	}
	add := allowed - c.total()
	slices.SortStableFunc(active, func(a, b *replicaSet) int {
		age := cmp.Compare(slices.Index(c.rs, a), slices.Index(c.rs, b))
		if add > 0 {
			age = -age
		}
		return cmp.Or(-cmp.Compare(a.replicas, b.replicas), age)
	})
	added, size := 0, map[*replicaSet]int{}
	for _, rs := range active {
		part := 0
		if add != added {
			fraction := -rs.replicas
			if c.replicas > 0 {
				fraction = int(math.Round(float64(rs.replicas*allowed)/float64(rs.largest))) - rs.replicas
			}
			if part = min(fraction, add-added); add < 0 {
				part = max(fraction, add-added)
			}
		}
		size[rs] = rs.replicas + part
		added += part
	}
	size[active[0]] = max(0, size[active[0]]+add-added)
	for _, rs := range active {
		rs.replicas = size[rs]
		c.annotate(rs)
	}
	return true
}

// syncReplicaSets makes or deletes one Pod; those that are not ready are deleted first.
func (c *shop) syncReplicaSets() bool {
	for _, i := range c.rnd.Perm(len(c.rs)) {
		switch rs := c.rs[i]; {
		case rs.pods < rs.replicas:
			rs.pods++
			return true
		case rs.pods > rs.replicas:
			rs.pods--
			rs.ready = min(rs.ready, rs.pods)
			return true
		}
	}
	return false
}

func (c *shop) syncStatus() bool {
	did := false
	for _, rs := range c.rs {
		n := rs.ready
		if rs.minReady == "2147483646" {
			n = 0
		}
		did = did || rs.available != n
		rs.available = n
	}
	return did
}

func (c *shop) podReady() bool {
	for _, i := range c.rnd.Perm(len(c.rs)) {
		if rs := c.rs[i]; rs.ready < rs.pods && c.good[rs.hash] {
			rs.ready++
			return true
		}
	}
	return false
}
