package quota

import (
	"math"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// pods sends the pods of a workload that was let in itself, one after the other.
func (c *checker) pods(a Admission, w Work, old snapshot.Object, own Outcome) Admission {
	w = w.as(newRevision)
	space := c.spaces[w.Ref.Namespace]
	if _, bare := w.Object.(*corev1.Pod); bare {
		return c.barePod(a, w, old, own)
	}
	if old != nil {
		live, _ := WorkOf(old)
		switch w.Ref.Kind {
		case "Job": // its pods are there or were; the template cannot change
			return settled(a, own, &PodCount{Asked: w.Pods, Allowed: w.Pods})
		case "CronJob": // every run makes new ones
		default:
			return c.update(a, w, live)
		}
	}
	n, sure := c.wanted(w)
	out := c.children(space, w)
	v := verdict{of: w.Object, work: w, space: space, pods: n, itself: !out.Admitted()}
	if out.Admitted() {
		v.before = space.clone()
		v.allowed, out = c.fill(space, w, n)
	}
	if out = c.withRehearsal(w, out); !out.Admitted() && out.Refusals[0].Cause == Unmodelled {
		v.allowed = 0 // its pods are all alike
	}
	if !sure {
		out.Unknown = append(out.Unknown, "Node")
	}
	out.Unseen = own.Unseen
	v.out = out
	if !out.Admitted() {
		c.report(v)
	}
	count := &PodCount{Asked: n, Allowed: v.allowed, New: v.allowed}
	c.place(w, out, v.allowed, count)
	return settled(a, out, count)
}

// barePod is a manifest of a pod: it was charged as an object already.
func (c *checker) barePod(a Admission, w Work, old snapshot.Object, own Outcome) Admission {
	count := &PodCount{Asked: 1, Allowed: 1}
	if old != nil {
		return settled(a, own, count)
	}
	space := c.spaces[w.Ref.Namespace]
	before := space.clone()
	if own = space.claimDevices(w, own); !own.Admitted() {
		c.report(verdict{of: w.Object, work: w, out: own, space: space, before: before, pods: 1})
		return settled(a, own, &PodCount{Asked: 1})
	}
	count.New = 1
	c.place(w, own, 1, count)
	return settled(a, own, count)
}

// wanted is how many pods the workload is to have; false where that hangs on
// nodes which could not be read.
func (c *checker) wanted(w Work) (int, bool) {
	if w.Ref.Kind != "DaemonSet" {
		return w.Pods, true
	}
	if c.cluster == nil {
		return 1, false
	}
	return len(daemonNodes(c.cluster, w.Pod(0))), true
}

// daemonNodes are the nodes that get a pod of the DaemonSet: those that its
// selection and tolerations let in, however full they are
// (pkg/controller/daemon, NodeShouldRunDaemonPod).
func daemonNodes(c *fit.Cluster, pod *corev1.Pod) []string {
	var out []string
	for _, n := range c.Judge(pod).Nodes {
		if !slices.ContainsFunc(n.Refusals, func(r fit.Refusal) bool {
			return r.Reason == fit.Tainted || r.Reason == fit.NotSelected || r.Reason == fit.OtherNode
		}) {
			out = append(out, n.Node)
		}
	}
	return out
}

// children: the ReplicaSet of a Deployment and the Job of a CronJob are objects
// that quotas count as well.
func (c *checker) children(space *Space, w Work) Outcome {
	for _, child := range w.Children {
		if out := space.Admit(child, nil); !out.Admitted() {
			return out
		}
	}
	return Outcome{}
}

// fill admits pods of a workload; what volumes were claimed for those of a
// StatefulSet that are there, or were, is not claimed again.
func (c *checker) fill(space *Space, w Work, n int) (int, Outcome) {
	kept := c.kept(w, n)
	if kept == 0 {
		return space.fill(w, n)
	}
	bare := w
	bare.Claims = nil
	in, out := space.fill(bare, kept)
	if !out.Admitted() || kept == n {
		return in, out
	}
	more, out := space.fill(w.from(kept), n-kept)
	return in + more, out
}

// kept is for how many of these pods, counted from the first, all volumes are
// claimed already. Where claims were not read, pods that run have theirs.
func (c *checker) kept(w Work, n int) int {
	if len(w.Claims) == 0 || c.in.Alone {
		return 0
	}
	if c.in.State.Covered("PersistentVolumeClaim", w.Ref.Namespace, "").State != snapshot.Present {
		return min(max(running(c.existing(w.Object))-w.first, 0), n)
	}
	for i := range n {
		for t := range w.Claims {
			if _, a := c.in.State.Find("PersistentVolumeClaim", w.Ref.Namespace, w.Claim(t, i).Name); a.State != snapshot.Present {
				return i
			}
		}
	}
	return n
}

// fill admits pods, each behind its claims, until one is refused or all are in.
// The outcome is that of the last pod tried. The pods differ by name alone, so
// those between the first and the last are counted and not tried one by one.
func (s *Space) fill(w Work, n int) (int, Outcome) {
	if n == 0 {
		return 0, s.none(w)
	}
	unit, first := s.clone(), len(s.made)
	out := s.unit(w, 0)
	if !out.Admitted() || n == 1 {
		if !out.Admitted() {
			return 0, out
		}
		return 1, out
	}
	each := append([]batch{}, s.made[first:]...)
	in := min(n, unit.holds(each))
	for _, m := range each {
		s.charge(m.object, in-1)
		s.made = append(s.made, batch{m.object, in - 1})
	}
	if in == n {
		return n, out
	}
	return in, s.unit(w, in)
}

// unit admits the pod with this index, behind its claims for volumes and before those for devices.
func (s *Space) unit(w Work, index int) Outcome {
	for t := range w.Claims {
		if out := s.Admit(w.Claim(t, index), nil); !out.Admitted() {
			return out
		}
	}
	out := s.Admit(w.Pod(index), nil)
	if !out.Admitted() {
		return out
	}
	return s.claimDevices(w, out)
}

// none: no pod is asked for now; what every pod would be refused for is worth
// knowing, that the quota is full now is not.
func (s *Space) none(w Work) Outcome {
	out := s.Try(w.Pod(0), nil)
	if !out.Admitted() && out.Refusals[0].Cause == Exceeded {
		return Outcome{Unknown: out.Unknown, Object: out.Object}
	}
	return out
}

// holds is how many times the quotas have room for these objects together.
func (s *Space) holds(each []batch) int {
	n := math.MaxInt32
	for _, l := range s.ledgers {
		takes := corev1.ResourceList{}
		for _, m := range each {
			if l.matches(m.object) {
				addTo(takes, l.takes(m.object, s.at))
			}
		}
		for name, one := range withoutZeros(takes) {
			n = min(n, times(l.left(name), one))
		}
	}
	return n
}

// update works out what becomes of a workload that is there: the state that it
// ends in must be let in, and there must be a way to it.
func (c *checker) update(a Admission, w, live Work) Admission {
	space := c.spaces[w.Ref.Namespace]
	now, n := running(live.Object), w.Pods
	switch {
	case w.Ref.Kind == "DaemonSet":
		n, now = running(live.Object), running(live.Object)
	case !w.PodsSaid:
		n = live.Pods
	}
	count := &PodCount{Asked: n, Allowed: n}
	v := verdict{of: w.Object, work: w, space: space, pods: n, before: space.clone(), had: now}
	if sameTemplate(w, live) {
		w = w.as(c.current[w.Ref])
		w.Template = live.Template // what the manifest leaves out stays
		return c.scale(a, w, v, count)
	}
	// The end: all old pods gone, all new ones there.
	end := space.clone()
	v.waiting = c.waiting(live)
	end.releasePods(live, now, v.waiting)
	v.before = end.clone()
	var out Outcome
	if out = c.children(end, w); out.Admitted() {
		v.allowed, out = c.fill(end, w, n)
	} else {
		v.itself = true
	}
	if out = c.withRehearsal(w, out); !out.Admitted() && out.Refusals[0].Cause == Unmodelled {
		v.allowed = 0
	}
	count.Allowed = v.allowed
	if !out.Admitted() {
		v.out = out
		c.report(v)
		return settled(a, out, count)
	}
	if way := c.way(v, live, count); !way.Admitted() {
		return settled(a, way, count)
	}
	c.place(w, out, count.New, count)
	*space = *end
	return settled(a, out, count)
}

// way says whether a rolling update gets from the old pods to the new ones.
// Where no pod may be missing meanwhile, each new one must fit beside the old
// ones that are left: larger pods may get stuck with the last of them. What has
// room for some of the extra pods only is slower, and goes on.
func (c *checker) way(v verdict, live Work, count *PodCount) Outcome {
	w, n, now := v.work, v.pods, v.had
	surge, unavailable, step := overlap(w.Object, n)
	if count.New = max(n+surge-now, 0); !step || surge == 0 || count.New == 0 {
		return Outcome{}
	}
	v.surge = count.New
	if unavailable == 0 && now > 0 {
		// What counts grows or shrinks with every pod, so that the first that does
		// not fit can be searched for.
		old := min(now, n)
		stuck := func(i int) bool { return !c.beside(v, live, i, old).try.Admitted() }
		if last := min(n, old) - 1; stuck(0) || stuck(last) {
			i := 0
			if !stuck(0) {
				i = sort.Search(last, stuck)
			}
			at := c.beside(v, live, i, old)
			v.before, v.out, v.allowed, v.stalls = at.space, at.try, i, true
			c.report(v)
			count.Allowed, count.New = i, 0
			return at.try
		}
	}
	v.before = v.space.clone()
	if v.allowed, v.out = v.space.clone().fill(w, count.New); !v.out.Admitted() {
		c.report(v)
	}
	return Outcome{}
}

// moment is a namespace in the middle of an update, and what becomes of one more pod.
type moment struct {
	space *Space
	try   Outcome
}

// beside is the moment at which i pods are new and the others of the old ones are left.
func (c *checker) beside(v verdict, live Work, i, old int) moment {
	at := v.space.clone()
	at.releasePods(live, max(v.had-old, 0)+min(i, old), v.waiting)
	if pod, ok := at.Try(v.work.Pod(0), nil).Object.(*corev1.Pod); ok {
		for _, o := range at.replica(v.work, pod) {
			at.charge(o, i)
		}
	}
	return moment{at, at.clone().unit(v.work, i)}
}

// scale: the template stays, the number changes.
func (c *checker) scale(a Admission, w Work, v verdict, count *PodCount) Admission {
	if v.pods <= v.had {
		v.space.releasePods(w, v.had-v.pods, c.waiting(w))
		return settled(a, Outcome{}, count)
	}
	more, out := c.fill(v.space, w.from(v.had), v.pods-v.had)
	v.allowed, v.out = v.had+more, out
	count.Allowed, count.New = v.allowed, more
	if !out.Admitted() {
		c.report(v)
	}
	c.place(w, out, more, count)
	return settled(a, out, count)
}

// withRehearsal adds what a dry run of the first pod brought, where nothing
// else refuses it.
func (c *checker) withRehearsal(w Work, out Outcome) Outcome {
	r := c.rehearsed(w.Ref, true)
	if r != nil && out.Admitted() {
		out.Refusals = append(out.Refusals, *r)
	}
	return out
}

// place looks for room for the pods that are let in, greedily, the emptiest
// node that takes one first.
func (c *checker) place(w Work, out Outcome, n int, count *PodCount) {
	if c.cluster == nil || n == 0 {
		return
	}
	pod, _ := out.Object.(*corev1.Pod)
	if pod == nil {
		pod = w.Pod(0)
	}
	if w.Ref.Kind == "DaemonSet" {
		return // each of its pods has its node
	}
	placed, failed := c.cluster.Place(withoutNewClaims(pod, w, c.spaces[w.Ref.Namespace].made), n)
	count.Placed = &placed
	if placed < n {
		c.reportRoom(w, n, placed, failed)
	}
}
