package fit

import (
	corev1 "k8s.io/api/core/v1"
)

// Rooms says how many pods like one a cluster takes beside what it holds.
type Rooms struct {
	// Nodes are those that take at least one, in the order of the cluster.
	Nodes []NodeRoom
	// Pods is the sum.
	Pods int
	// Full is the verdict on the first pod that finds no place; its nodes that
	// took pods are judged as filled.
	Full Verdict
}

// NodeRoom is one node's share.
type NodeRoom struct {
	Node string
	Pods int
	// Binds is the resource that runs out first, "pods" where the number of pods
	// is what ends it.
	Binds corev1.ResourceName
}

// LooksAtOthers says whether where one such pod stands changes where the next
// may stand: host ports, spread, affinity to others, a claim for one pod only.
// Then Rooms does not hold, and the pods have to be placed one after the other.
func (c *Cluster) LooksAtOthers(pod *corev1.Pod) bool {
	for _, spec := range pod.Spec.TopologySpreadConstraints {
		if spec.WhenUnsatisfiable == corev1.DoNotSchedule {
			return true
		}
	}
	for _, t := range append(requiredAffinity(pod), requiredAntiAffinity(pod)...) {
		if !t.readable(c.facts) || t.matches(pod, c.facts) {
			return true
		}
	}
	return len(hostPorts(pod)) > 0 || UsesClaims(pod)
}

// Rooms counts by division what placing one after the other would count; it is
// for pods that do not look at one another.
func (c *Cluster) Rooms(pod *corev1.Pod) Rooms {
	j := judge{c: c, pod: pod}
	filters := j.prepare()
	var out Rooms
	out.Full = Verdict{Everywhere: j.everywhere, Nodes: make([]NodeVerdict, len(c.hosts)), NotModelled: append(append([]Gap{}, j.gaps...), c.gaps(pod, j.asked)...)}
	for i, h := range c.hosts {
		v := &out.Full.Nodes[i]
		v.Node = h.node.Name
		for _, filter := range filters {
			v.Refusals = append(v.Refusals, filter(h)...)
		}
		if !v.Fits() || len(j.everywhere) > 0 {
			continue
		}
		room := h.room(j.asked)
		out.Nodes, out.Pods = append(out.Nodes, room), out.Pods+room.Pods
		v.Refusals = []Refusal{shortAfter(h, j.asked, room)}
	}
	return out
}

// room divides what is free by what each pod asks for.
func (h *host) room(asked amounts) NodeRoom {
	out := NodeRoom{Node: h.node.Name, Pods: int(h.allocatable[corev1.ResourcePods]) - len(h.pods), Binds: corev1.ResourcePods}
	for _, name := range resourceOrder(asked) {
		if asked[name] <= 0 {
			continue
		}
		if n := int((h.allocatable[name] - h.requested[name]) / asked[name]); n < out.Pods {
			out.Pods, out.Binds = n, name
		}
	}
	return out
}

// shortAfter is why the node takes no more once it has got its share.
func shortAfter(h *host, asked amounts, room NodeRoom) Refusal {
	n := int64(room.Pods)
	if room.Binds == corev1.ResourcePods {
		return shortage(corev1.ResourcePods, 1, int64(len(h.pods))+n, h.allocatable[corev1.ResourcePods])
	}
	return shortage(room.Binds, asked[room.Binds], h.requested[room.Binds]+n*asked[room.Binds], h.allocatable[room.Binds])
}
