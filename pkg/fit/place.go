package fit

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// Batch is a number of pods that are alike.
type Batch struct {
	Pod  *corev1.Pod
	Pods int
}

// Placement is what became of a batch.
type Placement struct {
	// Pods have a place; On says how many of them each node has got.
	Pods int
	On   map[string]int
	// Full is the verdict on the next pod where not all have a place: it was asked
	// when all the others stood.
	Full Verdict
}

// Clone is a cluster of its own with the same nodes and pods.
func (c *Cluster) Clone() *Cluster {
	out := &Cluster{
		facts: c.facts, byName: make(map[string]*host, len(c.hosts)),
		nominated: c.nominated[:len(c.nominated):len(c.nominated)],
	}
	same := make(map[*host]*host, len(c.hosts))
	for _, h := range c.hosts {
		copied := &host{at: h.at, node: h.node, allocatable: h.allocatable, requested: maps.Clone(h.requested), pods: h.pods[:len(h.pods):len(h.pods)]}
		same[h] = copied
		out.hosts = append(out.hosts, copied)
		out.byName[h.node.Name] = copied
	}
	for _, g := range c.guards {
		g.host = same[g.host]
		out.guards = append(out.guards, g)
	}
	return out
}

// Place binds pods like this one until all n have a place or none fits any more,
// and gives how many have one and why the next one has not. Each goes to the
// first node that takes it of those that have got the fewest, which spreads them
// as the scheduler does; where they look at one another another order might
// place more.
func (c *Cluster) Place(pod *corev1.Pod, n int) (int, Verdict) {
	if !c.LooksAtOthers(pod) {
		return c.placeByCount(pod, n)
	}
	placed := c.PlaceAll([]Batch{{Pod: pod, Pods: n}}, Way{Choice: Fewest})[0]
	return placed.Pods, placed.Full
}

// placeByCount is for pods that do not look at one another: how many each node
// takes is known beforehand.
func (c *Cluster) placeByCount(pod *corev1.Pod, n int) (int, Verdict) {
	rooms := c.Rooms(pod)
	placed := min(n, rooms.Pods)
	for i, at := 0, 0; i < placed; at++ {
		if room := &rooms.Nodes[at%len(rooms.Nodes)]; room.Pods > 0 {
			room.Pods--
			c.Bind(numbered(pod, i, room.Node))
			i++
		}
	}
	if placed < n {
		return placed, rooms.Full
	}
	return n, Verdict{}
}

// numbered is the pod with this index on its node; what pods are made of is shared.
func numbered(pod *corev1.Pod, i int, node string) *corev1.Pod {
	out := *pod
	out.Name, out.Spec.NodeName, out.Status.Phase = fmt.Sprintf("%s-%d", pod.Name, i), node, corev1.PodPending
	return &out
}

// PlaceAll binds the pods of all batches in one way, until no pod that is left
// fits any more. A pod that finds no place is tried again when others stand, as
// the scheduler does: they may be the ones that it wants to be near.
func (c *Cluster) PlaceAll(batches []Batch, w Way) []Placement {
	out := make([]Placement, len(batches))
	placers := make([]*placer, len(batches))
	for i, b := range batches {
		placers[i], out[i].On = newPlacer(c, b.Pod), map[string]int{}
	}
	queue := w.queue(batches, c.slots())
	for again := true; again; {
		again = false
		var left []int
		stuck := make([]bool, len(batches))
		for _, i := range queue {
			// Pods of a batch are alike: where one found no place, the next finds one
			// only behind a pod of another batch; that is the next round.
			if stuck[i] {
				left = append(left, i)
				continue
			}
			h := placers[i].next(w, out[i].Pods)
			if h == nil {
				stuck[i] = true
				left = append(left, i)
				continue
			}
			pod := numbered(batches[i].Pod, out[i].Pods, h.node.Name)
			guards := len(c.guards)
			c.Bind(pod)
			for _, p := range placers {
				p.saw(h, pod, guards)
			}
			placers[i].got[h.at]++
			out[i].Pods++
			out[i].On[h.node.Name]++
			again = true
		}
		queue = left
		again = again && len(queue) > 0
	}
	for i, b := range batches {
		if out[i].Pods < b.Pods {
			out[i].Full = c.Judge(b.Pod)
		}
	}
	return out
}

// slots is how many more pods the nodes allow, whatever those ask for.
func (c *Cluster) slots() int {
	n := 0
	for _, h := range c.hosts {
		n += max(int(h.allocatable[corev1.ResourcePods])-len(h.pods), 0)
	}
	return n
}
