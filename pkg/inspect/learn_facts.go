package inspect

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// rollingFacts resolves the bounds of a rolling update into pods, as the
// Deployment controller does: surge rounds up, unavailable down, and where both
// come to nothing one pod may be unavailable (deploymentutil.ResolveFenceposts).
func rollingFacts(d *appsv1.Deployment, n int, args map[string]any) bool {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return false
	}
	surge, unavailable := intstr.FromString("25%"), intstr.FromString("25%")
	if u := d.Spec.Strategy.RollingUpdate; u != nil {
		if u.MaxSurge != nil {
			surge = *u.MaxSurge
		}
		if u.MaxUnavailable != nil {
			unavailable = *u.MaxUnavailable
		}
	}
	more, err := intstr.GetScaledValueFromIntOrPercent(&surge, n, true)
	fewer, err2 := intstr.GetScaledValueFromIntOrPercent(&unavailable, n, false)
	if err != nil || err2 != nil {
		return false
	}
	if more == 0 && fewer == 0 {
		fewer = 1
	}
	args["surge"], args["unavailable"] = surge.String(), unavailable.String()
	args["most"], args["least"] = n+more, max(0, n-fewer)
	args["settle"] = int(d.Spec.MinReadySeconds)
	args["deadline"] = 600 // the API server's default
	if d.Spec.ProgressDeadlineSeconds != nil {
		args["deadline"] = int(*d.Spec.ProgressDeadlineSeconds)
	}
	return true
}

// ownLabels is the selector by which a controller knows its pods.
func (e explainer) ownLabels(o snapshot.Object) string {
	if kind, selector := keptBy(o); kind != "" {
		return selector.String()
	}
	return ""
}

func jobFacts(j *batchv1.Job, args map[string]any) {
	args["completions"], args["parallel"], args["retries"] = completionsOf(j), 1, 6 // the API server's defaults
	if j.Spec.Parallelism != nil {
		args["parallel"] = int(*j.Spec.Parallelism)
	}
	if j.Spec.BackoffLimit != nil {
		args["retries"] = int(*j.Spec.BackoffLimit)
	}
	args["succeeded"], args["failed"] = int(j.Status.Succeeded), int(j.Status.Failed)
}

func cronFacts(c *batchv1.CronJob, args map[string]any) {
	args["schedule"], args["zone"], args["policy"] = c.Spec.Schedule, "", string(c.Spec.ConcurrencyPolicy)
	if c.Spec.TimeZone != nil {
		args["zone"] = *c.Spec.TimeZone
	}
	if c.Spec.ConcurrencyPolicy == "" {
		args["policy"] = string(batchv1.AllowConcurrent)
	}
}

func graceOf(pod *corev1.Pod) int {
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return int(*g)
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

// probeFacts describes the first readiness probe, or else the first liveness probe.
func probeFacts(pod *corev1.Pod, args map[string]any) Topic {
	for _, which := range []string{"readinessProbe", "livenessProbe"} {
		for _, c := range pod.Spec.Containers {
			p := c.ReadinessProbe
			if which == "livenessProbe" {
				p = c.LivenessProbe
			}
			if p == nil {
				continue
			}
			period, threshold, timeout := int(p.PeriodSeconds), int(p.FailureThreshold), int(p.TimeoutSeconds)
			if period == 0 {
				period = 10
			}
			if threshold == 0 {
				threshold = 3
			}
			args["probe"], args["container"], args["period"], args["threshold"], args["timeout"] = which, c.Name, period, threshold, max(timeout, 1)
			args["readiness"], args["within"] = which == "readinessProbe", period*threshold
			return TopicProbes
		}
	}
	return TopicNoProbes
}

// requestFacts adds up what the containers of a pod request.
func requestFacts(pod *corev1.Pod, n int, args map[string]any) Topic {
	cpu, memory, limit := resource.Quantity{}, resource.Quantity{}, resource.Quantity{}
	for _, c := range pod.Spec.Containers {
		cpu.Add(c.Resources.Requests[corev1.ResourceCPU])
		memory.Add(c.Resources.Requests[corev1.ResourceMemory])
		limit.Add(c.Resources.Limits[corev1.ResourceMemory])
	}
	if cpu.IsZero() && memory.IsZero() {
		return TopicNoRequests
	}
	args["cpu"], args["memory"], args["limit"] = cpu.String(), memory.String(), ""
	if !limit.IsZero() {
		args["limit"] = limit.String()
	}
	all, allMemory := cpu.DeepCopy(), memory.DeepCopy()
	all.Mul(int64(n))
	allMemory.Mul(int64(n))
	args["cpu_all"], args["memory_all"] = all.String(), allMemory.String()
	return TopicRequests
}

// serviceFacts fills in what a Service selects and how many answer.
func (e explainer) serviceFacts(svc *corev1.Service, args map[string]any) []Topic {
	ready, total, answer := endpoints(e.s, svc)
	args["selector"], args["ready"], args["total"] = labels.FormatLabels(svc.Spec.Selector), ready, total
	args["seen"], args["ip"] = answer.State == snapshot.Present, svc.Spec.ClusterIP
	args["port"], args["target"] = 0, ""
	if len(svc.Spec.Ports) > 0 {
		target := targetPort(svc.Spec.Ports[0])
		args["port"], args["target"] = int(svc.Spec.Ports[0].Port), target.String()
	}
	if len(svc.Spec.Selector) == 0 {
		return nil
	}
	return []Topic{TopicService}
}

func claimFacts(c *corev1.PersistentVolumeClaim, args map[string]any) {
	args["size"], args["class"], args["phase"], args["volume"] = "", "", string(c.Status.Phase), c.Spec.VolumeName
	if q, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
		args["size"] = q.String()
	}
	if c.Spec.StorageClassName != nil {
		args["class"] = *c.Spec.StorageClassName
	}
	args["modes"] = fmt.Sprint(c.Spec.AccessModes)
}

func keysInOrder[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
