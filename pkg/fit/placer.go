package fit

import (
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// placer knows what Judge would answer and keeps up with what is bound, so that
// not everything is looked at again for each pod.
type placer struct {
	c *Cluster
	j *judge
	// alone are the filters that look at one node and its pods only; local says
	// what they answer, host by host.
	alone       []filter
	local       []bool
	constraints []*constraint
	near        *neighbours
	affinity    nodeaffinity.RequiredNodeAffinity
	// got is how many of the pods each host has, free how much of it would be left,
	// and mark a number that stands for its name.
	got  []int
	free []float64
	mark []uint64
}

func newPlacer(c *Cluster, pod *corev1.Pod) *placer {
	n := len(c.hosts)
	p := &placer{c: c, got: make([]int, n), free: make([]float64, n), mark: make([]uint64, n), affinity: nodeaffinity.GetRequiredNodeAffinity(pod)}
	for _, h := range c.hosts {
		name := fnv.New64a()
		_, _ = name.Write([]byte(h.node.Name))
		p.mark[h.at] = name.Sum64()
	}
	p.prepare(pod)
	return p
}

func (p *placer) prepare(pod *corev1.Pod) {
	p.j = &judge{c: p.c, pod: pod, asked: asks(pod)}
	p.alone = p.j.alone()
	p.constraints, p.near = p.j.constraints(), p.j.neighbours()
	p.local = make([]bool, len(p.c.hosts))
	for _, h := range p.c.hosts {
		p.look(h)
	}
}

func (p *placer) look(h *host) {
	p.free[h.at] = h.free(p.j.asked)
	p.local[h.at] = true
	for _, filter := range p.alone {
		if len(filter(h)) > 0 {
			p.local[h.at] = false
			return
		}
	}
}

// next is the node for the pod with this index, nil where none takes it.
func (p *placer) next(w Way, index int) *host {
	if len(p.j.everywhere) > 0 {
		return nil
	}
	var best *host
	var most float64
	for _, h := range p.c.hosts {
		if !p.local[h.at] {
			continue
		}
		if worth := w.worth(p, h, index); (best == nil || worth > most) && p.takes(h) {
			best, most = h, worth
		}
	}
	return best
}

// takes asks the filters that look at more than one node.
func (p *placer) takes(h *host) bool {
	for _, c := range p.constraints {
		if c.refuses(h) {
			return false
		}
	}
	return !p.near.refuses(h)
}

// saw takes in what a pod that was bound to the node changes; guards is how many
// bound pods kept others away before it came.
func (p *placer) saw(h *host, pod *corev1.Pod, guards int) {
	if UsesClaims(pod) && UsesClaims(p.j.pod) {
		p.prepare(p.j.pod) // a claim may be for one pod alone
		return
	}
	if p.local[h.at] { // a node that was full or not meant does not become free
		p.look(h)
	}
	bound := []*corev1.Pod{pod}
	for _, c := range p.constraints {
		if p.j.counted(c, p.constraints, p.affinity, h) {
			c.add(h.node.Labels[c.spec.TopologyKey], c.matching(bound, p.j.pod.Namespace))
		}
	}
	p.near.look(h, bound)
	if more := p.c.guards[guards:]; len(more) > 0 {
		p.near.guarded(p.j, more)
	}
}
