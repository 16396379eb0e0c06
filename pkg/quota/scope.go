package quota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// selectors lists all that a quota demands of the objects it counts.
func selectors(q *corev1.ResourceQuota) []corev1.ScopedResourceSelectorRequirement {
	var out []corev1.ScopedResourceSelectorRequirement
	for _, scope := range q.Spec.Scopes {
		out = append(out, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		out = append(out, q.Spec.ScopeSelector.MatchExpressions...)
	}
	return out
}

// inScope says whether the object is one that the quota means. Only pods and
// claims have scopes; a quota with any scope counts nothing else
// (pkg/quota/v1/evaluator/core: podMatchesScopeFunc, pvcMatchesScopeFunc).
func inScope(q *corev1.ResourceQuota, o snapshot.Object) bool {
	for _, s := range selectors(q) {
		ok := false
		switch o := o.(type) {
		case *corev1.Pod:
			ok = podInScope(s, o)
		case *corev1.PersistentVolumeClaim:
			ok = claimInScope(s, o)
		}
		if !ok {
			return false
		}
	}
	return true
}

func podInScope(s corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	switch s.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return hasDeadline(pod)
	case corev1.ResourceQuotaScopeNotTerminating:
		return !hasDeadline(pod)
	case corev1.ResourceQuotaScopeBestEffort:
		return QoS(pod) == corev1.PodQOSBestEffort
	case corev1.ResourceQuotaScopeNotBestEffort:
		return QoS(pod) != corev1.PodQOSBestEffort
	case corev1.ResourceQuotaScopePriorityClass:
		return selects(s, nonEmpty(pod.Spec.PriorityClassName))
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return looksIntoOtherNamespaces(pod.Spec.Affinity)
	default:
		return false // a scope of claims, or one that is newer than this tool
	}
}

// hasDeadline is what quotas call terminating: activeDeadlineSeconds is set.
func hasDeadline(pod *corev1.Pod) bool {
	return pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
}

func claimInScope(s corev1.ScopedResourceSelectorRequirement, claim *corev1.PersistentVolumeClaim) bool {
	if s.ScopeName != corev1.ResourceQuotaScopeVolumeAttributesClass {
		return false
	}
	var classes []string
	for _, name := range []*string{claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName} {
		if name != nil {
			classes = append(classes, nonEmpty(*name)...)
		}
	}
	if m := claim.Status.ModifyVolumeStatus; m != nil {
		classes = append(classes, nonEmpty(m.TargetVolumeAttributesClassName)...)
	}
	return selects(s, classes)
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// selects says whether the selector takes one of the values, or the lack of any.
// The API server lets no selector in that does not parse; one matches nothing here.
func selects(s corev1.ScopedResourceSelectorRequirement, has []string) bool {
	operators := map[corev1.ScopeSelectorOperator]selection.Operator{
		corev1.ScopeSelectorOpIn: selection.In, corev1.ScopeSelectorOpNotIn: selection.NotIn,
		corev1.ScopeSelectorOpExists: selection.Exists, corev1.ScopeSelectorOpDoesNotExist: selection.DoesNotExist,
	}
	if s.Operator == corev1.ScopeSelectorOpExists {
		return len(has) > 0
	}
	r, err := labels.NewRequirement(string(s.ScopeName), operators[s.Operator], s.Values)
	if err != nil {
		return false
	}
	if len(has) == 0 {
		return r.Matches(labels.Set{})
	}
	for _, value := range has {
		if r.Matches(labels.Set{string(s.ScopeName): value}) {
			return true
		}
	}
	return false
}

// looksIntoOtherNamespaces says whether a term of pod (anti-)affinity, required
// or preferred, names namespaces or selects them.
func looksIntoOtherNamespaces(a *corev1.Affinity) bool {
	if a == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	add := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for _, w := range preferred {
			terms = append(terms, w.PodAffinityTerm)
		}
	}
	if a.PodAffinity != nil {
		add(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a.PodAntiAffinity != nil {
		add(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	for _, t := range terms {
		if len(t.Namespaces) > 0 || t.NamespaceSelector != nil {
			return true
		}
	}
	return false
}
