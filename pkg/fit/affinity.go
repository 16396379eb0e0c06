package fit

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// term is a required pod affinity or anti-affinity term, parsed.
type term struct {
	key        string
	selector   labels.Selector
	namespaces []string
	// inNamespaces is nil where the term has no namespaceSelector.
	inNamespaces labels.Selector
}

// guard is a bound pod that keeps others away.
type guard struct {
	pod   *corev1.Pod
	host  *host
	terms []term
}

// domain is one value of a topology label.
type domain struct{ key, value string }

func requiredAffinity(pod *corev1.Pod) []term {
	if a := pod.Spec.Affinity; a != nil && a.PodAffinity != nil {
		return parseTerms(pod, a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	return nil
}

func requiredAntiAffinity(pod *corev1.Pod) []term {
	if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		return parseTerms(pod, a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	return nil
}

func parseTerms(pod *corev1.Pod, in []corev1.PodAffinityTerm) []term {
	out := make([]term, 0, len(in))
	for i := range in {
		out = append(out, parseTerm(pod, &in[i]))
	}
	return out
}

// parseTerm follows framework.newAffinityTerm: without namespaces and
// namespaceSelector the term looks at the pod's own namespace; a missing
// selector matches nothing, an empty one everything. The API server merges
// matchLabelKeys into the selector when the pod is made (KEP-3633); for a pod
// that never went through it, the same is done here.
func parseTerm(pod *corev1.Pod, in *corev1.PodAffinityTerm) term {
	t := term{key: in.TopologyKey, selector: parseSelector(in.LabelSelector), namespaces: in.Namespaces}
	if in.LabelSelector != nil {
		t.selector = mergeKeys(t.selector, pod.Labels, in.MatchLabelKeys, "in")
		t.selector = mergeKeys(t.selector, pod.Labels, in.MismatchLabelKeys, "notin")
	}
	if in.NamespaceSelector != nil {
		t.inNamespaces = parseSelector(in.NamespaceSelector)
	}
	if len(in.Namespaces) == 0 && in.NamespaceSelector == nil {
		t.namespaces = []string{pod.Namespace}
	}
	return t
}

// parseSelector lets a selector that does not parse match nothing; the API
// server does not let one in.
func parseSelector(in *metav1.LabelSelector) labels.Selector {
	s, err := metav1.LabelSelectorAsSelector(in)
	if err != nil {
		return labels.Nothing()
	}
	return s
}

// mergeKeys adds "key in (value of the pod)" for every key that the pod has
// and the selector does not name yet.
func mergeKeys(s labels.Selector, of map[string]string, keys []string, op string) labels.Selector {
	requirements, selectable := s.Requirements()
	if !selectable {
		return s
	}
	for _, key := range keys {
		value, ok := of[key]
		if !ok || slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() == key }) {
			continue
		}
		merged, err := labels.Parse(fmt.Sprintf("%s %s (%s)", key, op, value))
		if err != nil {
			continue
		}
		more, _ := merged.Requirements()
		s = s.Add(more...)
	}
	return s
}

// readable says whether the term can be judged: a namespaceSelector that picks
// some namespaces needs their labels.
func (t term) readable(f Facts) bool {
	return t.inNamespaces == nil || t.inNamespaces.Empty() || f.Namespaces != nil
}

// matches says whether the term means this pod.
func (t term) matches(pod *corev1.Pod, f Facts) bool {
	in := slices.Contains(t.namespaces, pod.Namespace) ||
		t.inNamespaces != nil && t.inNamespaces.Matches(f.Namespaces[pod.Namespace])
	return in && t.selector.Matches(labels.Set(pod.Labels))
}

func (t term) describe() Term {
	where := strings.Join(t.namespaces, ",")
	if t.inNamespaces != nil {
		picked := "all namespaces"
		if !t.inNamespaces.Empty() {
			picked = "namespaces with " + t.inNamespaces.String()
		}
		where = strings.TrimPrefix(where+", "+picked, ", ")
	}
	selector := t.selector.String()
	if t.selector.Empty() {
		selector = "any label"
	}
	return Term{Key: t.key, Selector: selector, Namespaces: where}
}

func matchesAll(terms []term, pod *corev1.Pod, f Facts) bool {
	for _, t := range terms {
		if !t.matches(pod, f) {
			return false
		}
	}
	return len(terms) > 0
}

// neighbours are what a pod's terms find among the bound pods
// (interpodaffinity/filtering.go, PreFilter).
type neighbours struct {
	facts       Facts
	want, avoid []term
	// self says that the pod matches all of its own affinity terms.
	self bool
	// near holds the domains in which a pod matches all affinity terms.
	near map[domain]bool
	// away and kept hold, by domain, a pod that forbids it: by this pod's own
	// anti-affinity, and by that of the bound pod. keys are those of kept, sorted.
	away, kept map[domain]obstacle
	keys       []string
}

type obstacle struct {
	pod  *corev1.Pod
	term term
}

// podAffinity: the affinity of the pod, its anti-affinity, and the
// anti-affinity of the pods that are there already.
func (j *judge) podAffinity() filter {
	n := j.neighbours()
	return func(h *host) []Refusal {
		out := n.unmet(h)
		if at, o, taken := n.avoided(h); taken {
			out = append(out, refusedBy(AntiAffinity, at, o))
		}
		if at, o, taken := n.keptFrom(h); taken {
			out = append(out, refusedBy(KeptAway, at, o))
		}
		return out
	}
}

func (j *judge) neighbours() *neighbours {
	n := &neighbours{facts: j.c.facts, near: map[domain]bool{}, away: map[domain]obstacle{}, kept: map[domain]obstacle{}}
	n.want, n.avoid = j.readableTerms(requiredAffinity(j.pod)), j.readableTerms(requiredAntiAffinity(j.pod))
	n.self = matchesAll(n.want, j.pod, j.c.facts)
	if len(n.want) > 0 || len(n.avoid) > 0 {
		for _, h := range j.c.hosts {
			n.look(h, h.pods)
		}
	}
	n.guarded(j, j.c.guards)
	return n
}

// refuses is the answer alone.
func (n *neighbours) refuses(h *host) bool {
	if _, _, taken := n.avoided(h); taken {
		return true
	}
	_, _, taken := n.keptFrom(h)
	return taken || len(n.unmet(h)) > 0
}

// avoided is the pod that this one does not want to be near.
func (n *neighbours) avoided(h *host) (domain, obstacle, bool) {
	for _, t := range n.avoid {
		if at, ok := domainOf(h, t.key); ok {
			if o, taken := n.away[at]; taken {
				return at, o, true
			}
		}
	}
	return domain{}, obstacle{}, false
}

// keptFrom is the pod that does not want this one near.
func (n *neighbours) keptFrom(h *host) (domain, obstacle, bool) {
	for _, key := range n.keys {
		at, ok := domainOf(h, key)
		if o, taken := n.kept[at]; ok && taken {
			return at, o, true
		}
	}
	return domain{}, obstacle{}, false
}

// readableTerms keeps the terms, or none of them and a gap where one cannot be judged.
func (j *judge) readableTerms(in []term) []term {
	for _, t := range in {
		if !t.readable(j.c.facts) {
			j.gap(UnreadNamespaces, t.describe().Namespaces)
			return nil
		}
	}
	return in
}

func (n *neighbours) look(h *host, pods []*corev1.Pod) {
	for _, pod := range pods {
		if matchesAll(n.want, pod, n.facts) {
			for _, t := range n.want {
				if at, ok := domainOf(h, t.key); ok {
					n.near[at] = true
				}
			}
		}
		for _, t := range n.avoid {
			n.note(n.away, h, pod, t, pod)
		}
	}
}

// guarded notes the domains that bound pods keep this one away from.
func (n *neighbours) guarded(j *judge, by []guard) {
	for _, g := range by {
		for _, t := range g.terms {
			if !t.readable(n.facts) {
				j.gap(UnreadNamespaces, "the anti-affinity of "+nameOf(g.pod))
				continue
			}
			n.note(n.kept, g.host, j.pod, t, g.pod)
		}
	}
	n.keys = keysOf(n.kept)
}

// note records that the term, which belongs to holder or looks at it, matches the pod.
func (n *neighbours) note(in map[domain]obstacle, h *host, pod *corev1.Pod, t term, holder *corev1.Pod) {
	at, ok := domainOf(h, t.key)
	if !ok || !t.matches(pod, n.facts) {
		return
	}
	if _, known := in[at]; !known {
		in[at] = obstacle{pod: holder, term: t}
	}
}

// unmet: every term needs a matching pod in the node's domain. The first pod
// of a group that wants to be near itself may go anywhere with the labels.
func (n *neighbours) unmet(h *host) []Refusal {
	first := n.self && len(n.near) == 0
	for _, t := range n.want {
		at, ok := domainOf(h, t.key)
		if ok && (n.near[at] || first) {
			continue
		}
		d := t.describe()
		d.NoLabel, d.Domain = !ok, at.value
		return []Refusal{{Reason: AffinityUnmet, Term: &d}}
	}
	return nil
}

func refusedBy(r Reason, at domain, o obstacle) Refusal {
	d := o.term.describe()
	d.Domain, d.Other = at.value, nameOf(o.pod)
	return Refusal{Reason: r, Term: &d}
}

func domainOf(h *host, key string) (domain, bool) {
	value, ok := h.node.Labels[key]
	return domain{key, value}, ok
}

func keysOf(m map[domain]obstacle) []string {
	keys := map[string]bool{}
	for d := range m {
		keys[d.key] = true
	}
	return sortedKeys(keys)
}

// SelectsNamespaces says whether a required (anti-)affinity term of the pod
// picks namespaces by their labels, so that a verdict needs those.
func SelectsNamespaces(pod *corev1.Pod) bool {
	for _, t := range append(requiredAffinity(pod), requiredAntiAffinity(pod)...) {
		if !t.readable(Facts{}) {
			return true
		}
	}
	return false
}
