package inspect

import (
	"slices"
	"sort"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// overlapNeeds asks for the workloads of the other autoscalers that share pods
// with one, where the controller says that some do.
func overlapNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, h := range rule.Members[*autoscaler](s, sc) {
		if !ambiguous(h) {
			continue
		}
		n.Objects = append(n.Objects, snapshot.Need{Kind: hpaKind, Namespace: h.Namespace})
		for _, other := range rivals(s, h) {
			target := other.Spec.ScaleTargetRef
			if scalable(target.Kind) {
				n.Objects = append(n.Objects, snapshot.Need{Kind: snapshot.Kind(target.Kind), Namespace: h.Namespace, Name: target.Name})
			}
		}
	}
	return n
}

// ambiguous says that the controller found several autoscalers for the same pods
// and has stopped this one (validateAndParseSelector in podautoscaler/horizontal.go).
func ambiguous(h *autoscaler) bool {
	c := hpaCondition(h, autoscalingv2.ScalingActive)
	return c != nil && c.Status == corev1.ConditionFalse && c.Reason == "AmbiguousSelector"
}

func scalable(kind string) bool { return kind == "Deployment" || kind == "StatefulSet" }

// rivals are the autoscalers that the controller names beside this one, and that scale another workload.
func rivals(s *snapshot.Snapshot, h *autoscaler) []*autoscaler {
	c := hpaCondition(h, autoscalingv2.ScalingActive)
	all, _ := snapshot.List[*autoscaler](s, h.Namespace, nil)
	return slices.DeleteFunc(all, func(other *autoscaler) bool {
		named := slices.Contains(strings.FieldsFunc(c.Message, func(r rune) bool { return strings.ContainsRune(" []", r) }), h.Namespace+"/"+other.Name)
		return !named || other.Spec.ScaleTargetRef == h.Spec.ScaleTargetRef
	})
}

// selectorOverlap: an autoscaler takes every pod that its target's selector
// matches for one of the target's, whoever owns it (GetResourceReplicas in
// podautoscaler/replica_calculator.go), while the workload itself goes by owner.
// What must change is the selector that catches too much: its own target's, or
// that of another autoscaler's, which then stops both.
func selectorOverlap(s *snapshot.Snapshot, _ *rule.Scope, h *autoscaler) *finding.Finding {
	wide := []*autoscaler{h}
	if ambiguous(h) {
		wide = append(wide, rivals(s, h)...)
	} else if !countsPods(h) {
		return nil
	}
	for _, w := range wide {
		selector, caught := caughtBy(s, w)
		if len(caught) == 0 {
			continue
		}
		f := hpaFinding(w, map[string]any{"selector": selector, "workloads": strings.Join(caught, ", "), "stopped": ambiguous(h)})
		f.Object = finding.Ref{Kind: w.Spec.ScaleTargetRef.Kind, Namespace: h.Namespace, Name: w.Spec.ScaleTargetRef.Name}
		f.At, f.Via = rule.RefTo(h), []finding.Ref{f.Object}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: "spec.selector", Value: selector})
		if f.Severity = finding.Warning; ambiguous(h) {
			f.Severity = finding.Error
			f.Evidence = append(f.Evidence, hpaEvidence(h, hpaCondition(h, autoscalingv2.ScalingActive)))
		}
		return f
	}
	return nil
}

// countsPods says that a metric is averaged over pods.
func countsPods(h *autoscaler) bool {
	return slices.ContainsFunc(h.Spec.Metrics, func(m autoscalingv2.MetricSpec) bool {
		return m.Resource != nil || m.ContainerResource != nil || m.Pods != nil
	})
}

// caughtBy is the selector of an autoscaler's target, and who else owns pods that it matches.
func caughtBy(s *snapshot.Snapshot, h *autoscaler) (selector string, caught []string) {
	target := h.Spec.ScaleTargetRef
	o, a := s.Find(snapshot.Kind(target.Kind), h.Namespace, target.Name)
	if !scalable(target.Kind) || a.State != snapshot.Present {
		return "", nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(rule.Selector(o))
	if err != nil || parsed.Empty() {
		return "", nil
	}
	pods, _ := snapshot.List[*corev1.Pod](s, h.Namespace, parsed)
	for _, pod := range pods {
		owner := rule.TemplateOwner(s, pod)
		if owner != rule.RefTo(o) && counted(pod) && !slices.Contains(caught, owner.String()) {
			caught = append(caught, owner.String())
		}
	}
	sort.Strings(caught)
	return parsed.String(), caught
}

// counted says that an autoscaler reckons with the pod (groupPods in podautoscaler/replica_calculator.go).
func counted(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed
}
