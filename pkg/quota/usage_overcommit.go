package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkOvercommit: the pods of a node have each used so much memory already that
// the node could not give it to all of them at the same time, though what they
// requested fits. Limits above what a node has are ordinary and say nothing by
// themselves; peaks were seen. Silent where not all pods of the cluster were
// read, and where less than the requests' own excess is meant: a pod's peak
// counts only if its history is long enough, else its request does.
func (h *history) checkOvercommit(s *snapshot.Snapshot, _ *rule.Scope) []finding.Finding {
	if !h.asked || s.Covered("Pod", "", "").State != snapshot.Present {
		return nil
	}
	nodes := h.loads()
	var out []finding.Finding
	for _, o := range s.OfKind("Node", "") {
		if node, ok := o.(*corev1.Node); ok && nodes[node.Name] != nil {
			out = append(out, h.overcommitted(node, nodes[node.Name])...)
		}
	}
	return out
}

// load is the memory of a node's pods.
type load struct {
	peaks, requested float64
	pods             int
	top              []podPeak
}

// loads adds up the pods of each node.
func (h *history) loads() map[string]*load {
	nodes := map[string]*load{}
	for of, pods := range h.pods {
		for _, pod := range pods {
			if pod.Spec.NodeName == "" {
				continue
			}
			q := Requests(pod, Placed)[corev1.ResourceMemory]
			requested := q.AsApproximateFloat64()
			peak, seen := h.podPeak(of, pod)
			n := nodes[pod.Spec.NodeName]
			if n == nil {
				n = &load{}
				nodes[pod.Spec.NodeName] = n
			}
			n.requested += requested
			n.peaks += max(peak, 0)
			if !seen {
				n.peaks += requested
			} else {
				n.pods++
				n.top = append(n.top, podPeak{rule.RefTo(pod), peak, requested})
			}
		}
	}
	return nodes
}

// overcommitted is the finding about a node, if its pods' peaks are above what it has.
func (h *history) overcommitted(node *corev1.Node, n *load) []finding.Finding {
	q := node.Status.Allocatable[corev1.ResourceMemory]
	has := q.AsApproximateFloat64()
	if has == 0 || n.peaks <= has || n.requested > has {
		return nil
	}
	slices.SortFunc(n.top, func(a, b podPeak) int { return compare(b.over(), a.over()) })
	ref := rule.RefTo(node)
	name := corev1.ResourceMemory
	f := finding.Finding{Object: ref, Confidence: finding.Likely, Args: map[string]any{
		"node": node.Name, "peaks": printedUse(name, n.peaks), "allocatable": printedUse(name, has), "requested": printedUse(name, n.requested),
		"percent": int(n.peaks / has * 100), "n": n.pods, "window": lasting(h.window),
	}}
	f.Evidence = []finding.Evidence{
		{Object: ref.String(), Path: "status.allocatable.memory", Value: printedUse(name, has)},
		{Object: ref.String(), Path: fmt.Sprintf("peaks of its pods in %s, added up", lasting(h.window)), Value: printedUse(name, n.peaks)},
		{Object: ref.String(), Path: "memory requests of its pods", Value: printedUse(name, n.requested)},
	}
	for i, p := range n.top {
		if i < 3 && p.over() > 0 {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: p.of.String(), Path: "peak, and request", Value: printedUse(name, p.peak) + ", " + printedUse(name, p.requested)})
		}
	}
	return []finding.Finding{f}
}

// podPeak is the most memory that a pod has used.
type podPeak struct {
	of              finding.Ref
	peak, requested float64
}

func (p podPeak) over() float64 { return p.peak - p.requested }

// podPeak adds up the peaks of the pod's containers; false where one of them has none.
func (h *history) podPeak(of finding.Ref, pod *corev1.Pod) (float64, bool) {
	total, seen := 0.0, true
	runningContainers(pod, func(c *corev1.Container) {
		of.Container = c.Name
		p := h.containers[of][pod.Name]
		if p == nil || len(p.memory) == 0 {
			seen = false
			return
		}
		highest := 0.0
		for _, point := range p.memory {
			highest = max(highest, point.Value)
		}
		total += highest
	})
	if !seen {
		return 0, false
	}
	return total, true
}
