package inspect

import (
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// aroundFacts fills in the numbers of what stands around workloads.
func aroundFacts(o snapshot.Object, args map[string]any) []Topic {
	switch v := o.(type) {
	case *autoscalingv2.HorizontalPodAutoscaler:
		scalingFacts(v, args)
		return []Topic{TopicScaling}
	case *policyv1.PodDisruptionBudget:
		args["healthy"], args["desired"] = int(v.Status.CurrentHealthy), int(v.Status.DesiredHealthy)
		args["expected"], args["allowed"] = int(v.Status.ExpectedPods), int(v.Status.DisruptionsAllowed)
		args["seen"] = v.Status.ObservedGeneration > 0
		return []Topic{TopicBudget}
	case *networkingv1.NetworkPolicy:
		in, out := policyDirections(v)
		args["selector"], args["in"], args["out"] = "", in, out
		if s := metav1.FormatLabelSelector(&v.Spec.PodSelector); s != "<none>" {
			args["selector"] = s
		}
		args["inRules"], args["outRules"] = len(v.Spec.Ingress), len(v.Spec.Egress)
		return []Topic{TopicPolicy}
	case *networkingv1.Ingress:
		ingressFacts(v, args)
		return []Topic{TopicIngress}
	case *corev1.Node:
		room := v.Status.Allocatable
		if len(room) == 0 { // no kubelet has reported yet
			return nil
		}
		args["cpu"] = fit.Human(corev1.ResourceCPU, *room.Cpu(), false)
		args["memory"] = fit.Human(corev1.ResourceMemory, *room.Memory(), false)
		args["pods"] = int(room.Pods().Value())
		args["cpuAll"] = fit.Human(corev1.ResourceCPU, *v.Status.Capacity.Cpu(), false)
		args["memoryAll"] = fit.Human(corev1.ResourceMemory, *v.Status.Capacity.Memory(), false)
		return []Topic{TopicNode}
	case *corev1.Namespace:
		return []Topic{TopicNamespace}
	}
	return nil
}

// scalingFacts has the arithmetic of the first metric that is a share of the
// pods' requests (podautoscaler/replica_calculator.go), where it was measured.
func scalingFacts(h *autoscalingv2.HorizontalPodAutoscaler, args map[string]any) {
	args["least"], args["most"] = 1, int(h.Spec.MaxReplicas) // the API server's default
	if h.Spec.MinReplicas != nil {
		args["least"] = int(*h.Spec.MinReplicas)
	}
	args["target"] = strings.ToLower(h.Spec.ScaleTargetRef.Kind) + "/" + h.Spec.ScaleTargetRef.Name
	now := int(h.Status.CurrentReplicas)
	args["now"], args["resource"], args["goal"], args["seen"], args["wanted"] = now, "", 0, 0, 0
	for i, m := range h.Spec.Metrics {
		if m.Resource == nil || m.Resource.Target.AverageUtilization == nil {
			continue
		}
		goal := int(*m.Resource.Target.AverageUtilization)
		args["resource"], args["goal"] = string(m.Resource.Name), goal
		if i >= len(h.Status.CurrentMetrics) || goal <= 0 {
			return
		}
		if c := h.Status.CurrentMetrics[i].Resource; c != nil && c.Name == m.Resource.Name && c.Current.AverageUtilization != nil {
			seen := int(*c.Current.AverageUtilization)
			args["seen"], args["wanted"] = seen, (now*seen+goal-1)/goal
		}
		return
	}
}

func ingressFacts(v *networkingv1.Ingress, args map[string]any) {
	args["class"], args["service"], args["tls"] = ingressClassOf(v), "", len(v.Spec.TLS) > 0
	paths := 0
	var hosts []string
	for _, r := range v.Spec.Rules {
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
		if r.HTTP == nil {
			continue
		}
		paths += len(r.HTTP.Paths)
		for _, p := range r.HTTP.Paths {
			if p.Backend.Service != nil && args["service"] == "" {
				args["service"] = p.Backend.Service.Name
			}
		}
	}
	args["hosts"], args["paths"] = strings.Join(hosts, ", "), paths
}
