package quota

import (
	"maps"
	"math"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// times is how often one goes into left, never below zero.
func times(left, one resource.Quantity) int {
	if left.Sign() <= 0 {
		return 0
	}
	if one.Sign() <= 0 {
		return math.MaxInt32
	}
	n := int64(math.Min(left.AsApproximateFloat64()/one.AsApproximateFloat64(), math.MaxInt32))
	for n > 0 && product(one, n).Cmp(left) > 0 { // the division is approximate
		n--
	}
	for n < math.MaxInt32 && product(one, n+1).Cmp(left) <= 0 {
		n++
	}
	return int(n)
}

func product(q resource.Quantity, n int64) *resource.Quantity {
	out := q.DeepCopy()
	out.Mul(n)
	return &out
}

// limitFor is how many of n there is room for, and the constraint that ends it;
// below zero where there is none for all that are asked for already.
func (h Headroom) limitFor(n int) (int, *Constraint) {
	for i, c := range h.Constraints {
		if c.Replicas-h.Owed < n {
			return c.Replicas - h.Owed, &h.Constraints[i]
		}
	}
	return n, nil
}

// update works out what replacing all pods takes: the template stays what it is,
// as when only an image changes.
func (h *headroom) update(w Work, out *Headroom) {
	switch w.Ref.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return
	}
	surge, unavailable, step := overlap(w.Object, w.Pods)
	u := &Update{Surge: surge, Unavailable: unavailable, Terminating: h.terminating(w), Peak: w.Pods}
	if step && w.Ref.Kind == "Deployment" {
		u.Peak = 2 * w.Pods // all new ones beside all old ones that still shut down
	}
	room, binds := out.limitFor(surge)
	room = max(room, 0)
	if len(out.Constraints) > 0 {
		u.Room = &room
	}
	more, _ := out.limitFor(u.Peak - w.Pods)
	u.PeakFits = more >= u.Peak-w.Pods
	u.Stalls = w.Pods > 0 && step && surge > 0 && room == 0 && unavailable == 0
	out.Update = u
	if binds != nil && w.Pods > 0 && surge > 0 {
		h.reportSurge(w, *binds, room, u)
	}
}

// autoscaled compares the autoscaler's maximum with what there is room for.
func (h *headroom) autoscaled(w Work, out *Headroom) {
	hpa := h.autoscalerOf(w)
	if hpa == nil {
		return
	}
	most := int(hpa.Spec.MaxReplicas)
	room, binds := out.limitFor(max(most-w.Pods, 0))
	out.Autoscaler = &Autoscaled{Name: hpa.Name, Max: most, Missing: max(most-w.Pods-room, 0)}
	if out.Autoscaler.Missing == 0 || binds == nil {
		return
	}
	ref := finding.Ref{Kind: "HorizontalPodAutoscaler", Namespace: hpa.Namespace, Name: hpa.Name}
	f := finding.Finding{Rule: "quota/hpa-exceeds", Object: ref, At: w.Ref, Confidence: finding.Certain}
	f.Args = constraintArgs(w.Ref, *binds)
	f.Args["hpa"], f.Args["max"], f.Args["now"], f.Args["reach"], f.Args["missing"], f.Args["together"] = hpa.Name, most, w.Pods, w.Pods+room, out.Autoscaler.Missing, false
	if binds.Kind == BindsQuota && binds.Message == "" {
		needs := binds.used.DeepCopy()
		needs.Add(*product(binds.each, int64(most-w.Pods)))
		f.Args["needs"], f.Args["raise"] = fit.Human(plain(corev1.ResourceName(binds.Resource)), needs, true), needs.String()
	}
	if binds.Kind == BindsNodes || binds.Kind == BindsPodSlots {
		f.Confidence, f.Severity = finding.Likely, finding.Info // an autoscaler may add nodes
	}
	f.Evidence = []finding.Evidence{{Object: ref.String(), Path: "spec.maxReplicas", Value: strconv.Itoa(most)}, {Object: w.Ref.String(), Path: "spec.replicas", Value: strconv.Itoa(w.Pods)}, binds.evidence(w.Ref)}
	h.found = append(h.found, f)
}

// reportSurge: the extra pods of an update do not all fit.
func (h *headroom) reportSurge(w Work, c Constraint, room int, u *Update) {
	if c.Kind != BindsQuota || c.Message != "" {
		return // what refuses every pod, or nodes that are full now, is told by the answer itself
	}
	f := finding.Finding{Rule: "quota/surge-exceeds", Severity: finding.Warning, Object: w.Ref, Confidence: finding.Certain, Via: []finding.Ref{quotaRef(w.Ref, c.Name)}}
	if u.Stalls {
		f.Severity = finding.Error
	}
	f.Args = constraintArgs(w.Ref, c)
	f.Args["surge"], f.Args["allowed"], f.Args["stalls"], f.Args["late"], f.Args["pods"] = u.Surge, room, u.Stalls, false, w.Pods
	needs := c.used.DeepCopy()
	needs.Add(*product(c.each, int64(u.Surge)))
	f.Args["needs"], f.Args["raise"] = fit.Human(plain(corev1.ResourceName(c.Resource)), needs, true), needs.String()
	f.Evidence = []finding.Evidence{c.evidence(w.Ref)}
	h.found = append(h.found, f)
}

func constraintArgs(of finding.Ref, c Constraint) map[string]any {
	return map[string]any{
		"object": of.String(), "namespace": of.Namespace, "quota": c.Name, "kind": string(c.Kind), "key": c.Resource,
		"one": c.Each, "used": c.Used, "hard": c.Hard, "message": c.Message, "needs": "", "raise": "",
		"autoscalers": []string{}, "n": 0, "devices": c.claimed,
	}
}

// evidence shows the constraint's arithmetic.
func (c Constraint) evidence(of finding.Ref) finding.Evidence {
	switch c.Kind {
	case BindsQuota:
		if c.Message == "" {
			return finding.Evidence{Object: quotaRef(of, c.Name).String(), Path: "status.used." + c.Resource, Value: c.Used + " of " + c.Hard}
		}
	case BindsNodes, BindsPodSlots:
		return finding.Evidence{Object: "nodes", Path: "what the scheduler would say of one more", Value: c.Message}
	case BindsLimitRange, BindsValidation, BindsOther:
	}
	return finding.Evidence{Object: of.String(), Path: "what the API server would say of a new pod", Value: c.Message}
}

// together: each autoscaler may reach its maximum alone, and not all of them.
func (h *headroom) together(works []Work) {
	type load struct {
		space *Space
		names []string
	}
	loads := map[string]*load{}
	for _, w := range works {
		hpa := h.autoscalerOf(w)
		if hpa == nil {
			continue
		}
		if loads[w.Ref.Namespace] == nil {
			loads[w.Ref.Namespace] = &load{space: h.space(w.Ref.Namespace).clone()}
		}
		l := loads[w.Ref.Namespace]
		tried := h.space(w.Ref.Namespace).admissible(w)
		more := max(int(hpa.Spec.MaxReplicas)-w.Pods, 0)
		if pod, ok := tried.Object.(*corev1.Pod); ok && tried.Admitted() && more > 0 {
			for _, o := range l.space.replica(w, pod) {
				l.space.charge(o, more)
			}
			l.names = append(l.names, hpa.Name)
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(loads)) {
		if l := loads[namespace]; len(l.names) > 1 {
			h.reportTogether(namespace, l.space, l.names)
		}
	}
}

// charge counts n more objects like this one.
func (s *Space) charge(o snapshot.Object, n int) {
	for _, l := range s.ledgers {
		if n < 1 || !l.matches(o) {
			continue
		}
		for name, q := range l.takes(o, s.at) {
			addTo(l.used, corev1.ResourceList{name: *product(q, int64(n))})
		}
	}
}

func (h *headroom) reportTogether(namespace string, space *Space, autoscalers []string) {
	for i, l := range space.ledgers {
		for _, name := range names(l.quota.Status.Hard) {
			was, will, hard := h.space(namespace).ledgers[i].used[name], l.used[name], l.quota.Status.Hard[name]
			if will.Cmp(hard) <= 0 || will.Cmp(was) == 0 || h.said(namespace, l.quota.Name, string(name)) {
				continue
			}
			ref := finding.Ref{Kind: "ResourceQuota", Namespace: namespace, Name: l.quota.Name}
			f := finding.Finding{Rule: "quota/hpa-exceeds", Object: ref, Confidence: finding.Certain}
			human := func(q resource.Quantity, up bool) string { return fit.Human(plain(name), q, up) }
			f.Args = map[string]any{
				"object": ref.String(), "namespace": namespace, "quota": l.quota.Name, "kind": string(BindsQuota), "key": string(name), "one": "",
				"used": human(was, true), "hard": human(hard, false), "needs": human(will, true), "raise": will.String(), "message": "",
				"hpa": "", "max": 0, "now": 0, "reach": 0, "missing": 0, "together": true, "autoscalers": autoscalers, "n": len(autoscalers), "devices": false,
			}
			f.Evidence = []finding.Evidence{
				{Object: ref.String(), Path: "status.used." + string(name), Value: human(was, true) + " of " + human(hard, false)},
				{Object: ref.String(), Path: "with all at their maximum", Value: human(will, true)},
			}
			h.found = append(h.found, f)
		}
	}
}

// said: one autoscaler alone is too much for it already.
func (h *headroom) said(namespace, quota, key string) bool {
	for _, f := range h.found {
		if f.Rule == "quota/hpa-exceeds" && f.Object.Namespace == namespace && f.Args["quota"] == quota && f.Args["key"] == key {
			return true
		}
	}
	return false
}
