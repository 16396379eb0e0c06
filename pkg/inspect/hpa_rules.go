package inspect

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const hpaKind snapshot.Kind = "HorizontalPodAutoscaler"

type autoscaler = autoscalingv2.HorizontalPodAutoscaler

// hpaRules find why an autoscaler does not scale, or cannot.
func hpaRules() []rule.Rule {
	target := []snapshot.Kind{hpaKind, "Deployment", "StatefulSet", "ReplicaSet"}
	return []rule.Rule{
		{ID: "hpa/target-missing", Reads: target, Check: eachHPA(targetMissing)},
		{ID: "hpa/metrics-unavailable", Reads: []snapshot.Kind{hpaKind, "Pod"}, Check: eachHPA(metricsUnavailable)},
		{ID: "hpa/request-missing", Reads: append(target, "Pod"), Check: eachHPA(requestMissing)},
		{ID: "hpa/at-maximum", Reads: []snapshot.Kind{hpaKind}, Check: eachHPA(atMaximum)},
		{ID: "hpa/disabled", Reads: []snapshot.Kind{hpaKind}, Check: eachHPA(scalingDisabled)},
		{ID: "hpa/conflict", Reads: []snapshot.Kind{hpaKind}, Needs: conflictNeeds, Check: eachHPA(conflict)},
		{ID: "hpa/selector-overlap", Reads: append(target, "Pod"), Needs: overlapNeeds, Check: eachHPA(selectorOverlap)},
		{ID: "api/service-unavailable", Reads: []snapshot.Kind{hpaKind, "Namespace", "APIService"}, Check: checkAPIs},
	}
}

func eachHPA(check func(*snapshot.Snapshot, *rule.Scope, *autoscaler) *finding.Finding) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, h := range rule.Members[*autoscaler](s, sc) {
			if f := check(s, sc, h); f != nil {
				out = append(out, *f)
			}
		}
		return out
	}
}

func hpaFinding(h *autoscaler, args map[string]any) *finding.Finding {
	target := h.Spec.ScaleTargetRef
	all := map[string]any{"name": h.Name, "namespace": h.Namespace, "target": strings.ToLower(target.Kind) + "/" + target.Name}
	for k, v := range args {
		all[k] = v
	}
	return &finding.Finding{Object: rule.RefTo(h), Args: all}
}

func hpaCondition(h *autoscaler, t autoscalingv2.HorizontalPodAutoscalerConditionType) *autoscalingv2.HorizontalPodAutoscalerCondition {
	for i := range h.Status.Conditions {
		if h.Status.Conditions[i].Type == t {
			return &h.Status.Conditions[i]
		}
	}
	return nil
}

func hpaEvidence(h *autoscaler, c *autoscalingv2.HorizontalPodAutoscalerCondition) finding.Evidence {
	return seen(h, "status.conditions["+string(c.Type)+"]", words(c.Reason, c.Message))
}

// targetMissing: what is to be scaled is not there.
func targetMissing(s *snapshot.Snapshot, _ *rule.Scope, h *autoscaler) *finding.Finding {
	ref := h.Spec.ScaleTargetRef
	c := hpaCondition(h, autoscalingv2.AbleToScale)
	said := c != nil && c.Status == corev1.ConditionFalse && c.Reason == "FailedGetScale"
	switch ref.Kind {
	case "Deployment", "StatefulSet", "ReplicaSet":
		_, a := s.Find(snapshot.Kind(ref.Kind), h.Namespace, ref.Name)
		if a.State == snapshot.Present || a.State == snapshot.Unknown && !said {
			return nil
		}
	default: // of a kind that is not read: by the controller's word alone
		if !said {
			return nil
		}
	}
	var names []string
	for _, o := range s.OfKind("Deployment", h.Namespace) {
		names = append(names, o.GetName())
	}
	f := hpaFinding(h, map[string]any{"nearest": nearestName(ref.Name, names)})
	f.Via = []finding.Ref{{Kind: ref.Kind, Namespace: h.Namespace, Name: ref.Name}}
	f.Evidence = append(f.Evidence, seen(h, "spec.scaleTargetRef", f.Args["target"].(string)))
	if said {
		f.Evidence = append(f.Evidence, hpaEvidence(h, c))
	}
	return f
}

// metricsUnavailable: the controller has no numbers to reckon with.
func metricsUnavailable(s *snapshot.Snapshot, sc *rule.Scope, h *autoscaler) *finding.Finding {
	c := hpaCondition(h, autoscalingv2.ScalingActive)
	if c == nil || c.Status != corev1.ConditionFalse || !strings.HasPrefix(c.Reason, "FailedGet") && c.Reason != "InvalidMetricSourceType" || strings.Contains(c.Message, "missing request for") {
		return nil
	}
	if metricsMayCome(s, sc, h, c) {
		return nil
	}
	f := hpaFinding(h, map[string]any{"said": firstLine(c.Message)})
	f.Evidence = append(f.Evidence, hpaEvidence(h, c))
	return f
}

// metricsMayCome says that numbers are only missing, and autoscaler or pods are so new that they may yet come.
func metricsMayCome(s *snapshot.Snapshot, sc *rule.Scope, h *autoscaler, c *autoscalingv2.HorizontalPodAutoscalerCondition) bool {
	missing := strings.Contains(c.Message, "no metrics returned") || strings.Contains(c.Message, "did not receive metrics")
	return missing && (!older(s, h, metricsPatience) || youngPods(s, sc, h))
}

// metricsPatience is how long metrics of a new pod may take: metrics-server
// looks every 15 to 60 seconds, and needs two looks for CPU.
const metricsPatience = 2 * time.Minute

func youngPods(s *snapshot.Snapshot, sc *rule.Scope, h *autoscaler) bool {
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if sc.Under(rule.RefTo(h), rule.RefTo(pod)) && s.TakenAt.Sub(pod.CreationTimestamp.Time) < metricsPatience {
			return true
		}
	}
	return false
}

// requestMissing: a share of the request cannot be reckoned where a container
// sets none. The pods count, not the template: a LimitRange or a limit may have
// given them a request.
func requestMissing(s *snapshot.Snapshot, sc *rule.Scope, h *autoscaler) *finding.Finding {
	for _, m := range h.Spec.Metrics {
		resource, only := utilization(m)
		if resource == "" {
			continue
		}
		for _, pod := range rule.Members[*corev1.Pod](s, sc) {
			if !sc.Under(rule.RefTo(h), rule.RefTo(pod)) || pod.Spec.Resources != nil {
				continue
			}
			for _, c := range containers(pod) {
				_, set := c.spec.Resources.Requests[corev1.ResourceName(resource)]
				if set || c.role == initial || only != "" && only != c.spec.Name {
					continue
				}
				f := hpaFinding(h, map[string]any{"resource": resource, "container": c.spec.Name, "owner": rule.TemplateOwner(s, pod).String()})
				f.Object, f.At = withContainer(rule.TemplateOwner(s, pod), c.spec.Name), rule.RefTo(h)
				f.Evidence = append(f.Evidence, seen(pod, c.path()+".resources.requests."+resource, "(not set)"))
				if active := hpaCondition(h, autoscalingv2.ScalingActive); active != nil && active.Status == corev1.ConditionFalse {
					f.Evidence = append(f.Evidence, hpaEvidence(h, active))
				}
				return f
			}
		}
	}
	return nil
}

// utilization is the resource of a metric that is a share of the request, and
// the container that it is about, "" for all.
func utilization(m autoscalingv2.MetricSpec) (resource, container string) {
	switch {
	case m.Resource != nil && m.Resource.Target.Type == autoscalingv2.UtilizationMetricType:
		return string(m.Resource.Name), ""
	case m.ContainerResource != nil && m.ContainerResource.Target.Type == autoscalingv2.UtilizationMetricType:
		return string(m.ContainerResource.Name), m.ContainerResource.Container
	}
	return "", ""
}

// atMaximum: the metrics ask for more than the autoscaler may give. Silent
// where minimum and maximum are the same: then nothing is to be scaled.
func atMaximum(_ *snapshot.Snapshot, _ *rule.Scope, h *autoscaler) *finding.Finding {
	c := hpaCondition(h, autoscalingv2.ScalingLimited)
	low := 1
	if h.Spec.MinReplicas != nil {
		low = int(*h.Spec.MinReplicas)
	}
	if c == nil || c.Status != corev1.ConditionTrue || c.Reason != "TooManyReplicas" || h.Status.CurrentReplicas < h.Spec.MaxReplicas || low == int(h.Spec.MaxReplicas) {
		return nil
	}
	f := hpaFinding(h, map[string]any{"max": int(h.Spec.MaxReplicas), "now": metricsNow(h)})
	f.Evidence = append(f.Evidence, hpaEvidence(h, c), seen(h, "status.currentReplicas", strconv.Itoa(int(h.Status.CurrentReplicas))))
	return f
}

// metricsNow says what was measured against what is wanted: "cpu 180% of 80%".
func metricsNow(h *autoscaler) string {
	var out []string
	for i, m := range h.Spec.Metrics {
		if i >= len(h.Status.CurrentMetrics) || m.Resource == nil || h.Status.CurrentMetrics[i].Resource == nil {
			continue
		}
		has, wants := h.Status.CurrentMetrics[i].Resource.Current.AverageUtilization, m.Resource.Target.AverageUtilization
		if has != nil && wants != nil {
			out = append(out, fmt.Sprintf("%s %d%% / %d%%", m.Resource.Name, *has, *wants))
		}
	}
	return strings.Join(out, ", ")
}

// scalingDisabled: the target stands at zero, which switches the autoscaler off.
func scalingDisabled(_ *snapshot.Snapshot, _ *rule.Scope, h *autoscaler) *finding.Finding {
	c := hpaCondition(h, autoscalingv2.ScalingActive)
	if c == nil || c.Status != corev1.ConditionFalse || c.Reason != "ScalingDisabled" {
		return nil
	}
	f := hpaFinding(h, nil)
	f.Evidence = append(f.Evidence, hpaEvidence(h, c))
	return f
}

func conflictNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, h := range rule.Members[*autoscaler](s, sc) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: hpaKind, Namespace: h.Namespace})
	}
	return n
}

// conflict: two autoscalers write the same number of replicas.
func conflict(s *snapshot.Snapshot, _ *rule.Scope, h *autoscaler) *finding.Finding {
	all, _ := snapshot.List[*autoscaler](s, h.Namespace, nil)
	var others []string
	for _, other := range all {
		if other.Name != h.Name && other.Spec.ScaleTargetRef.Kind == h.Spec.ScaleTargetRef.Kind && other.Spec.ScaleTargetRef.Name == h.Spec.ScaleTargetRef.Name {
			others = append(others, other.Name)
		}
	}
	if len(others) == 0 {
		return nil
	}
	sort.Strings(others)
	f := hpaFinding(h, map[string]any{"others": strings.Join(others, ", ")})
	f.Evidence = append(f.Evidence, seen(h, "spec.scaleTargetRef", f.Args["target"].(string)))
	for _, name := range others {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: "horizontalpodautoscaler/" + name, Path: "spec.scaleTargetRef", Value: f.Args["target"].(string)})
	}
	return f
}
