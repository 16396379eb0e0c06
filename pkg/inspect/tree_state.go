package inspect

import (
	"embed"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed messages_views.yaml lessons.yaml
var viewMessageFiles embed.FS

// stateOf is an object's health in the tree, and a few words on it.
func (e explainer) stateOf(o snapshot.Object, answer snapshot.Answer) (Health, string) {
	switch {
	case answer.State == snapshot.Absent:
		return Unwell, e.text("tree-missing", nil)
	case answer.State != snapshot.Present && e.s.Source == snapshot.FromManifests:
		return Unknown, e.text("tree-not-in-files", nil)
	case answer.State != snapshot.Present && (answer.Why == "" || answer.NotRead()):
		return Unknown, e.text("tree-not-read", nil)
	case answer.State != snapshot.Present:
		return Unknown, e.text("unread", map[string]any{"why": e.unread.Reason(answer.Why)})
	case e.s.Source == snapshot.FromManifests:
		return Unknown, e.text("not-observed", nil)
	}
	health, status := e.ownState(o)
	return e.health(rule.RefTo(o), health), status
}

// ownState is an object's state by its own word, for the kinds that the explanations have no line for.
func (e explainer) ownState(o snapshot.Object) (Health, string) {
	if o.GetDeletionTimestamp() != nil {
		return e.status(o)
	}
	switch v := o.(type) {
	case *corev1.Service:
		return e.serviceState(v)
	case *corev1.ConfigMap:
		return Healthy, e.text("tree-keys", map[string]any{"n": len(v.Data) + len(v.BinaryData)})
	case *snapshot.Secret:
		return Healthy, e.text("tree-keys", map[string]any{"n": len(v.Keys)})
	case *corev1.PersistentVolumeClaim:
		switch v.Status.Phase {
		case corev1.ClaimBound:
			return Healthy, string(v.Status.Phase) + " " + v.Spec.VolumeName
		case corev1.ClaimLost:
			return Unwell, string(v.Status.Phase)
		case corev1.ClaimPending:
		}
		return Progressing, string(v.Status.Phase)
	case *corev1.ServiceAccount:
		return Healthy, e.text("tree-present", nil)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return e.autoscalerState(v)
	}
	if health, status := e.status(o); status != "" {
		return health, status
	}
	return Healthy, e.text("tree-present", nil)
}

func (e explainer) autoscalerState(v *autoscalingv2.HorizontalPodAutoscaler) (Health, string) {
	least := 1
	if v.Spec.MinReplicas != nil {
		least = int(*v.Spec.MinReplicas)
	}
	status := e.text("tree-hpa", map[string]any{"now": int(v.Status.CurrentReplicas), "min": least, "max": int(v.Spec.MaxReplicas)})
	for _, c := range v.Status.Conditions {
		if c.Status == corev1.ConditionFalse && (c.Type == autoscalingv2.ScalingActive || c.Type == autoscalingv2.AbleToScale) && c.Reason != "ScalingDisabled" {
			if metricsMayCome(e.s, e.scope, v, &c) {
				return Progressing, status + ", " + c.Reason
			}
			return Unwell, status + ", " + c.Reason
		}
	}
	return Healthy, status
}

// serviceState tells a Service's endpoints where they were read, else the pods
// that it selects and that were read.
func (e explainer) serviceState(svc *corev1.Service) (Health, string) {
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return Unknown, e.text("status-alias", nil)
	}
	if ready, total, answer := endpoints(e.s, svc); answer.State == snapshot.Present || total > 0 {
		health := Healthy
		if ready == 0 {
			health = Unknown
		}
		return health, e.text("status-endpoints-ready", map[string]any{"ready": ready, "total": total})
	}
	if len(svc.Spec.Selector) == 0 {
		return Unknown, e.text("tree-no-selector", nil)
	}
	ready, total := 0, 0
	pods, _ := snapshot.List[*corev1.Pod](e.s, svc.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
	for _, pod := range pods {
		total++
		if slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			ready++
		}
	}
	health := Healthy
	if ready == 0 && total > 0 {
		health = Unwell
	}
	return health, e.text("tree-selects", map[string]any{"ready": ready, "total": total})
}

// referredState is the state of something that a template names: a key that is
// not there is as bad as an object that is not, unless it is optional.
func (e explainer) referredState(r referral, o snapshot.Object, answer snapshot.Answer) (Health, string) {
	if answer.State == snapshot.Absent && r.optional {
		return Healthy, e.text("tree-optional", nil)
	}
	health, status := e.stateOf(o, answer)
	if answer.State != snapshot.Present {
		return health, status
	}
	var missing []string
	for _, k := range r.keys {
		if !hasKey(o, k) {
			missing = append(missing, k)
		}
	}
	switch {
	case len(missing) > 0:
		return Unwell, e.text("tree-no-key", map[string]any{"keys": strings.Join(missing, ", ")})
	case len(r.keys) > 0 && health == Healthy:
		return health, e.text("tree-takes", map[string]any{"keys": strings.Join(r.keys, ", ")})
	}
	return health, status
}

// hasKey says whether a ConfigMap or Secret has the key; other objects have no keys to miss.
func hasKey(o snapshot.Object, key string) bool {
	switch v := o.(type) {
	case *corev1.ConfigMap:
		_, text := v.Data[key]
		_, binary := v.BinaryData[key]
		return text || binary
	case *snapshot.Secret:
		_, ok := v.Keys[key]
		return ok
	}
	return true
}
