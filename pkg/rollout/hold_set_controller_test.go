package rollout

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
)

// set is the StatefulSet or the DaemonSet controller, one sync at a time
// (pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet;
// pkg/controller/daemon/update.go), with the budgets of a PodDisruptionBudget
// that asks for all Pods but one.
type set struct {
	t        *testing.T
	rnd      *rand.Rand
	ref      Ref
	replicas int
	start    int
	ordered  bool
	live     Live
	observed int64
	current  string // status.currentRevision
	seen     string // the template's version as the controller has seen it
	pods     []Pod
	made     int
	good     map[string]bool
	budget   int // healthy Pods asked for
}

func newSet(t *testing.T, rnd *rand.Rand, kind string, n int, strategy string) *set {
	t.Helper()
	c := &set{
		t: t, rnd: rnd, ref: Ref{Kind: kind, Namespace: "shop", Name: "db"}, replicas: n, start: 3 * rnd.Intn(2), ordered: rnd.Intn(2) == 0,
		observed: 1, current: "old", seen: "old", good: map[string]bool{"old": true, "new": true}, budget: n - 1,
		live: Live{UID: "u", Generation: 1, Fields: Fields{TemplateField: []byte(oldTemplate), UpdateStrategyField: []byte(strategy)}},
	}
	for i := range n {
		c.add(i, "old")
		c.pods[i].Ready = true
	}
	return c
}

func (c *set) state() *State {
	original := Fields{}
	for p, v := range c.live.Fields {
		original[p] = v
	}
	return &State{
		Spec: Spec{Workload: c.ref, Strategy: Canary, Timeout: 600e9}, OldHash: "old", NewHash: "", Template: []byte(newTemplate),
		Managed: []Managed{{Ref: c.ref, UID: "u", Original: original, Paths: statefulSet{}.paths()}},
	}
}

func (c *set) add(index int, hash string) {
	c.made++
	c.pods = append(c.pods, Pod{
		Name: fmt.Sprintf("db-%d", index+c.start), UID: fmt.Sprint(c.made), Hash: hash, Ordinal: index + c.start,
		Node: fmt.Sprintf("node-%02d", index), Group: []string{"edge", "core"}[index%2],
	})
}

func (c *set) at(index int) int {
	return slices.IndexFunc(c.pods, func(p Pod) bool { return p.Ordinal-c.start == index })
}

func (c *set) template() string {
	if string(c.live.Fields[TemplateField]) == newTemplate {
		return "new"
	}
	return "old"
}

func (c *set) world() *World {
	w := &World{
		Workload: &Workload{
			Generation: c.live.Generation, Observed: c.observed, Replicas: c.replicas, Start: c.start,
			UpdateHash: c.seen, Pods: slices.Clone(c.pods),
		},
		Live:    map[Ref]Live{c.ref: c.live},
		Budgets: []Budget{{Name: "db", CurrentHealthy: c.ready(), DesiredHealthy: c.budget}},
	}
	return w
}

func (c *set) ready() (n int) {
	for _, p := range c.pods {
		if p.Ready && !p.Deleting {
			n++
		}
	}
	return n
}

func (c *set) apply(w *Write) {
	c.t.Helper()
	if w.Delete {
		i := slices.IndexFunc(c.pods, func(p Pod) bool { return p.Name == w.Object.Name && p.UID == w.UID })
		if i < 0 || w.Object.Kind != "Pod" || w.Object.Namespace != "shop" {
			c.t.Fatalf("there is no Pod for %+v", w)
		}
		if c.pods[i].Hash == c.template() {
			c.t.Fatalf("%+v deletes a Pod of the version that is wanted", w)
		}
		c.pods[i].Deleting, c.pods[i].Ready = true, false
		return
	}
	other := &shop{t: c.t, live: c.live}
	other.apply(w)
	c.live = other.live
}

func (c *set) tick() bool {
	did := []func() bool{c.sync, c.end, c.podReady}
	c.rnd.Shuffle(len(did), func(i, j int) { did[i], did[j] = did[j], did[i] })
	return slices.ContainsFunc(did, func(f func() bool) bool { return f() })
}

// end is the kubelet: a Pod that is being deleted goes.
func (c *set) end() bool {
	n := len(c.pods)
	c.pods = slices.DeleteFunc(c.pods, func(p Pod) bool { return p.Deleting })
	return len(c.pods) < n
}

func (c *set) podReady() bool {
	for _, i := range c.rnd.Perm(len(c.pods)) {
		if p := &c.pods[i]; !p.Ready && !p.Deleting && c.good[p.Hash] {
			p.Ready = true
			return true
		}
	}
	return false
}

func (c *set) sync() bool {
	saw := c.observed < c.live.Generation || c.seen != c.template()
	c.seen = c.template()
	sync := c.syncOrdinals
	if c.ref.Kind == "DaemonSet" {
		sync = c.syncDaemons
	}
	did := sync()
	c.observed = c.live.Generation
	return saw || did
}

// syncDaemons only makes what is missing: the strategy is OnDelete whenever anything is to be replaced.
func (c *set) syncDaemons() bool {
	if s := string(c.live.Fields[UpdateStrategyField]); s != `{"type":"OnDelete"}` && slices.ContainsFunc(c.pods, func(p Pod) bool { return p.Hash != c.seen }) {
		c.t.Fatalf("the controller would replace Pods by %s", s)
	}
	for i := range c.replicas {
		if c.at(i) < 0 {
			c.add(i, c.seen)
			return true
		}
	}
	return false
}

func (c *set) syncOrdinals() bool {
	s := &State{Spec: Spec{Workload: c.ref}}
	partition, rolls := partitionOf(s, &World{Live: map[Ref]Live{c.ref: c.live}})
	for i := range c.replicas { // processReplica
		at := c.at(i)
		if at < 0 {
			hash := c.seen
			if rolls && i < partition {
				hash = c.current
			}
			c.add(i, hash)
			return true
		}
		if p := c.pods[at]; c.ordered && (p.Deleting || !p.Ready) {
			return false
		}
	}
	for i := len(c.pods) - 1; i >= 0; i-- { // condemned
		if p := &c.pods[i]; p.Ordinal-c.start >= c.replicas && !p.Deleting {
			p.Deleting, p.Ready = true, false
			return true
		}
	}
	if rolls {
		for i := c.replicas - 1; i >= partition; i-- {
			p := &c.pods[c.at(i)]
			if p.Hash != c.seen && !p.Deleting {
				p.Deleting, p.Ready = true, false
				return true
			}
			if !p.Ready {
				return false
			}
		}
	}
	updated := !slices.ContainsFunc(c.pods, func(p Pod) bool { return p.Hash != c.seen || !p.Ready })
	if updated && len(c.pods) == c.replicas && c.current != c.seen { // completeRollingUpdate
		c.current = c.seen
		return true
	}
	return false
}
