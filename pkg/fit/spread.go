package fit

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// constraint is a topology spread constraint that must hold, with the counts
// of matching pods by value of its label.
type constraint struct {
	spec     corev1.TopologySpreadConstraint
	selector labels.Selector
	counts   map[string]int
	self     int
}

// spread: matching pods in the node's domain + the pod itself − the smallest
// count of any domain must not exceed maxSkew (podtopologyspread/filtering.go).
// The scheduler's built-in default constraints are ScheduleAnyway and refuse nothing.
func (j *judge) spread() filter {
	var all []*constraint
	for _, spec := range j.pod.Spec.TopologySpreadConstraints {
		if spec.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		c := &constraint{spec: spec, counts: map[string]int{}}
		c.selector = mergeKeys(parseSelector(spec.LabelSelector), j.pod.Labels, spec.MatchLabelKeys, "in")
		if c.selector.Matches(labels.Set(j.pod.Labels)) {
			c.self = 1
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return func(*host) []Refusal { return nil }
	}
	j.countSpread(all)
	return func(h *host) []Refusal {
		var out []Refusal
		for _, c := range all {
			if r, refused := c.judge(h); refused {
				out = append(out, r)
			}
		}
		return out
	}
}

// countSpread counts on the nodes that have the labels of all constraints and
// that each constraint's policies let in.
func (j *judge) countSpread(all []*constraint) {
	affinity := nodeaffinity.GetRequiredNodeAffinity(j.pod)
	for _, h := range j.c.hosts {
		if !hasKeys(h.node, all) {
			continue
		}
		for _, c := range all {
			if honours(c.spec.NodeAffinityPolicy, corev1.NodeInclusionPolicyHonor) {
				if match, _ := affinity.Match(h.node); !match {
					continue
				}
			}
			if honours(c.spec.NodeTaintsPolicy, corev1.NodeInclusionPolicyIgnore) && j.untolerated(h.node) {
				continue
			}
			c.counts[h.node.Labels[c.spec.TopologyKey]] += c.matching(h, j.pod.Namespace)
		}
	}
}

func honours(p *corev1.NodeInclusionPolicy, byDefault corev1.NodeInclusionPolicy) bool {
	if p != nil {
		byDefault = *p
	}
	return byDefault == corev1.NodeInclusionPolicyHonor
}

func (j *judge) untolerated(n *corev1.Node) bool {
	for _, t := range n.Spec.Taints {
		if (t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute) && !j.tolerates(t) {
			return true
		}
	}
	return false
}

func hasKeys(n *corev1.Node, all []*constraint) bool {
	for _, c := range all {
		if _, ok := n.Labels[c.spec.TopologyKey]; !ok {
			return false
		}
	}
	return true
}

// matching counts the pods of the namespace that the selector matches. Those
// that are terminating do not count here, unlike anywhere else, and an empty
// selector counts none (countPodsMatchSelector).
func (c *constraint) matching(h *host, namespace string) int {
	if c.selector.Empty() {
		return 0
	}
	n := 0
	for _, pod := range h.pods {
		if pod.Namespace == namespace && pod.DeletionTimestamp == nil && c.selector.Matches(labels.Set(pod.Labels)) {
			n++
		}
	}
	return n
}

func (c *constraint) judge(h *host) (Refusal, bool) {
	skew := Skew{
		Key: c.spec.TopologyKey, Self: c.self, MaxSkew: int(c.spec.MaxSkew), MinDomains: 1,
		Domains: len(c.counts), Selector: c.selector.String(),
	}
	if c.spec.MinDomains != nil {
		skew.MinDomains = int(*c.spec.MinDomains)
	}
	value, ok := h.node.Labels[skew.Key]
	if !ok {
		return Refusal{Reason: NoTopologyLabel, Skew: &skew}, true
	}
	skew.Domain, skew.Matching = value, c.counts[value]
	skew.LeastDomain, skew.Least = c.least()
	if skew.Domains < skew.MinDomains {
		skew.LeastDomain, skew.Least = "", 0
	}
	return Refusal{Reason: Skewed, Skew: &skew}, skew.Matching+skew.Self-skew.Least > skew.MaxSkew
}

// least is the domain with the fewest matching pods. With no domain at all the
// scheduler starts from the largest number and so refuses nothing (newCriticalPaths).
func (c *constraint) least() (string, int) {
	name, n := "", int(^uint32(0)>>1)
	for _, value := range sortedKeys(c.counts) {
		if c.counts[value] < n {
			name, n = value, c.counts[value]
		}
	}
	return name, n
}
