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
	// text is the selector in words, leastDomain the domain with the fewest pods.
	text        string
	leastDomain string
	least       int
	// atLeast counts the domains with so few; 0 is not counted yet.
	atLeast int
}

// spread: matching pods in the node's domain + the pod itself − the smallest
// count of any domain must not exceed maxSkew (podtopologyspread/filtering.go).
// The scheduler's built-in default constraints are ScheduleAnyway and refuse nothing.
func (j *judge) spread() filter {
	all := j.constraints()
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

// constraints are those that must hold, counted.
func (j *judge) constraints() []*constraint {
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
		c.text = c.selector.String()
		all = append(all, c)
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(j.pod)
	for _, h := range j.c.hosts {
		for _, c := range all {
			if j.counted(c, all, affinity, h) {
				c.counts[h.node.Labels[c.spec.TopologyKey]] += c.matching(h.pods, j.pod.Namespace)
			}
		}
	}
	for _, c := range all {
		c.leastDomain, c.least = c.fewest()
	}
	return all
}

// counted: nodes count that have the labels of all constraints and that the
// constraint's policies let in.
func (j *judge) counted(c *constraint, all []*constraint, affinity nodeaffinity.RequiredNodeAffinity, h *host) bool {
	if !hasKeys(h.node, all) {
		return false
	}
	if honours(c.spec.NodeAffinityPolicy, corev1.NodeInclusionPolicyHonor) {
		if match, _ := affinity.Match(h.node); !match {
			return false
		}
	}
	return !honours(c.spec.NodeTaintsPolicy, corev1.NodeInclusionPolicyIgnore) || !j.untolerated(h.node)
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
func (c *constraint) matching(pods []*corev1.Pod, namespace string) int {
	if c.selector.Empty() {
		return 0
	}
	n := 0
	for _, pod := range pods {
		if pod.Namespace == namespace && pod.DeletionTimestamp == nil && c.selector.Matches(labels.Set(pod.Labels)) {
			n++
		}
	}
	return n
}

func (c *constraint) judge(h *host) (Refusal, bool) {
	if !c.refuses(h) {
		return Refusal{}, false
	}
	skew := Skew{
		Key: c.spec.TopologyKey, Self: c.self, MaxSkew: int(c.spec.MaxSkew), MinDomains: c.minDomains(),
		Domains: len(c.counts), Selector: c.text,
	}
	value, ok := h.node.Labels[skew.Key]
	if !ok {
		return Refusal{Reason: NoTopologyLabel, Skew: &skew}, true
	}
	skew.Domain, skew.Matching = value, c.counts[value]
	skew.LeastDomain, skew.Least = c.leastDomain, c.floor()
	if skew.Domains < skew.MinDomains {
		skew.LeastDomain = ""
	}
	return Refusal{Reason: Skewed, Skew: &skew}, true
}

// refuses is the answer alone.
func (c *constraint) refuses(h *host) bool {
	value, ok := h.node.Labels[c.spec.TopologyKey]
	return !ok || c.counts[value]+c.self-c.floor() > int(c.spec.MaxSkew)
}

// floor is what the counts are held against: with fewer domains than there must
// be it is 0.
func (c *constraint) floor() int {
	if len(c.counts) < c.minDomains() {
		return 0
	}
	return c.least
}

func (c *constraint) minDomains() int {
	if c.spec.MinDomains != nil {
		return int(*c.spec.MinDomains)
	}
	return 1
}

// add counts n more in the domain. The smallest count is only looked for anew
// when the last domain that had it has more; its name is then of no matter.
func (c *constraint) add(value string, n int) {
	if n == 0 {
		return
	}
	was := c.counts[value]
	c.counts[value] = was + n
	if was > c.least {
		return
	}
	if c.atLeast--; c.atLeast > 0 {
		return
	}
	c.leastDomain, c.least = c.fewest()
	c.atLeast = 0
	for _, count := range c.counts {
		if count == c.least {
			c.atLeast++
		}
	}
}

// fewest is the domain with the fewest matching pods. With no domain at all the
// scheduler starts from the largest number and so refuses nothing (newCriticalPaths).
func (c *constraint) fewest() (string, int) {
	name, n := "", int(^uint32(0)>>1)
	for value, count := range c.counts {
		if count < n || count == n && value < name {
			name, n = value, count
		}
	}
	return name, n
}
