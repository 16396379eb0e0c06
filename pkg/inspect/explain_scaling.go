package inspect

import (
	"strconv"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func (e explainer) autoscaler(v *autoscalingv2.HorizontalPodAutoscaler) told {
	least := replicasOf(v.Spec.MinReplicas)
	target := v.Spec.ScaleTargetRef
	now, want := int(v.Status.CurrentReplicas), int(v.Status.DesiredReplicas)
	t := told{
		summary: e.text("autoscaler", map[string]any{"target": target.Kind + " " + target.Name, "min": least, "max": int(v.Spec.MaxReplicas)}),
		health:  Healthy, status: e.text("autoscaler-status", map[string]any{"now": now, "min": least, "max": int(v.Spec.MaxReplicas)}),
	}
	pods := e.compare("what-pods", nil, strconv.Itoa(want), strconv.Itoa(now), now == want)
	if want == 0 && now > 0 && least > 0 { // it never wants none: nothing was computed
		pods.Desired, pods.OK = e.text("no-value", nil), nil
	}
	t.rows = append(t.rows, pods)
	for i, m := range v.Spec.Metrics {
		name, desired := metricTarget(m)
		observed := e.text("no-value", nil)
		if i < len(v.Status.CurrentMetrics) {
			if value := metricValue(v.Status.CurrentMetrics[i]); value != "" {
				observed = value
			}
		}
		t.rows = append(t.rows, named(name, desired, observed, nil))
	}
	for _, c := range v.Status.Conditions {
		if c.Status == corev1.ConditionFalse && c.Type != autoscalingv2.ScalingLimited {
			t.status += ", " + c.Reason
			if t.health = Unwell; metricsMayCome(e.s, e.scope, v, &c) {
				t.health = Progressing
			}
			break
		}
	}
	if t.health == Healthy && now != want {
		t.health = Progressing
	}
	t.points(Controls, string(snapshot.KindNamed(groupOf(target.APIVersion), target.Kind)), v.Namespace, target.Name)
	return t
}

// metricTarget names a metric and says what the autoscaler aims at.
func metricTarget(m autoscalingv2.MetricSpec) (name, target string) {
	var aim autoscalingv2.MetricTarget
	switch {
	case m.Resource != nil:
		name, aim = string(m.Resource.Name), m.Resource.Target
	case m.ContainerResource != nil:
		name, aim = string(m.ContainerResource.Name)+" ("+m.ContainerResource.Container+")", m.ContainerResource.Target
	case m.Pods != nil:
		name, aim = m.Pods.Metric.Name, m.Pods.Target
	case m.Object != nil:
		name, aim = m.Object.Metric.Name, m.Object.Target
	case m.External != nil:
		name, aim = m.External.Metric.Name, m.External.Target
	}
	switch {
	case aim.AverageUtilization != nil:
		return name, strconv.Itoa(int(*aim.AverageUtilization)) + "%"
	case aim.AverageValue != nil:
		return name, aim.AverageValue.String()
	case aim.Value != nil:
		return name, aim.Value.String()
	}
	return name, ""
}

func metricValue(m autoscalingv2.MetricStatus) string {
	var now autoscalingv2.MetricValueStatus
	switch {
	case m.Resource != nil:
		now = m.Resource.Current
	case m.ContainerResource != nil:
		now = m.ContainerResource.Current
	case m.Pods != nil:
		now = m.Pods.Current
	case m.Object != nil:
		now = m.Object.Current
	case m.External != nil:
		now = m.External.Current
	}
	switch {
	case now.AverageUtilization != nil:
		return strconv.Itoa(int(*now.AverageUtilization)) + "%"
	case now.AverageValue != nil:
		return now.AverageValue.String()
	case now.Value != nil:
		return now.Value.String()
	}
	return ""
}

func (e explainer) budget(v *policyv1.PodDisruptionBudget) told {
	bound := ""
	switch {
	case v.Spec.MinAvailable != nil:
		bound = "minAvailable " + v.Spec.MinAvailable.String()
	case v.Spec.MaxUnavailable != nil:
		bound = "maxUnavailable " + v.Spec.MaxUnavailable.String()
	}
	selector, err := metav1.LabelSelectorAsSelector(v.Spec.Selector)
	if err != nil {
		return told{health: Unknown, status: err.Error()}
	}
	t := told{
		summary: e.text("budget", map[string]any{"selector": selector.String(), "rule": bound}),
		health:  Healthy, status: e.text("budget-status", map[string]any{"n": int(v.Status.DisruptionsAllowed)}),
	}
	if v.Status.ObservedGeneration < v.Generation || v.Status.CurrentHealthy < v.Status.DesiredHealthy {
		t.health = Progressing
	}
	t.rows = append(t.rows,
		e.compare("what-healthy", nil, e.text("at-least", map[string]any{"n": int(v.Status.DesiredHealthy)}), strconv.Itoa(int(v.Status.CurrentHealthy)), v.Status.CurrentHealthy >= v.Status.DesiredHealthy),
		e.fact("what-covered", strconv.Itoa(int(v.Status.ExpectedPods))),
		e.fact("what-evictions", strconv.Itoa(int(v.Status.DisruptionsAllowed))))
	pods, _ := snapshot.List[*corev1.Pod](e.s, v.Namespace, selector)
	for _, pod := range pods {
		t.points(Selects, "Pod", pod.Namespace, pod.Name)
	}
	return t
}
