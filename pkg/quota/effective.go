// Package quota reckons with requests, limits and quotas as Kubernetes does:
// what a pod counts for, what the API server would say of an object, how many
// more replicas there is room for, and which constraint binds. It follows
// Kubernetes v1.36 and is pure: a snapshot in, values out.
package quota

import (
	corev1 "k8s.io/api/core/v1"
)

// Basis says by whose rules a pod is counted. They differ while a pod is being
// resized, and in what belongs to a pod.
type Basis string

const (
	// Incoming is the spec, as the scheduler counts a pod that it is to place
	// (scheduler/framework/plugins/noderesources/fit.go), and as kubectl describe
	// node adds up.
	Incoming Basis = "spec"
	// Placed is the greatest of spec and status, the pod's own as well, as the
	// scheduler counts a pod that is on a node (scheduler/framework/types.go).
	Placed Basis = "scheduler"
	// Charged is the greatest of spec and status of the containers, as a
	// ResourceQuota counts (pkg/quota/v1/evaluator/core/pods.go) and as kubectl
	// describe node lists pods. A resize of the pod as a whole counts at once.
	Charged Basis = "quota"
	// Limited is the spec without overhead and without huge pages of the pod as
	// a whole, as a LimitRange of type Pod sees it (plugin/pkg/admission/limitranger).
	Limited Basis = "limitrange"
)

// Requests is what the pod counts for: the larger of all containers and
// sidecars together and each init container with the sidecars declared before
// it; what the pod as a whole asks for replaces that; overhead on top
// (component-helpers/resource/helpers.go, PodRequests; KEP-753, KEP-2837).
//
// Through v1.36 the greatest of spec and status is taken for each container,
// from v1.37 on for the pod; only a pod of which one container grows while
// another shrinks shows the difference.
func Requests(pod *corev1.Pod, basis Basis) corev1.ResourceList {
	status := statuses(pod, basis)
	out := aggregate(pod, func(c *corev1.Container, resizable bool) corev1.ResourceList {
		s := status[c.Name]
		if s == nil || !resizable {
			return c.Resources.Requests
		}
		if resizeInfeasible(pod) {
			return greatest(s.Resources.Requests, s.AllocatedResources)
		}
		return greatest(c.Resources.Requests, s.Resources.Requests, s.AllocatedResources)
	})
	if pod.Spec.Resources != nil {
		now := pod.Spec.Resources.Requests
		if basis == Placed && pod.Status.Resources != nil {
			now = greatest(pod.Status.Resources.Requests, pod.Status.AllocatedResources)
			if !resizeInfeasible(pod) {
				raiseTo(now, pod.Spec.Resources.Requests)
			}
		}
		replace(out, pod.Spec.Resources.Requests, now, basis)
	}
	if basis != Limited {
		addTo(out, pod.Spec.Overhead)
	}
	return out
}

// Limits is what the pod may use at most, for the resources that are limited;
// overhead is added where there is a limit (PodLimits of the same file).
func Limits(pod *corev1.Pod, basis Basis) corev1.ResourceList {
	status := statuses(pod, basis)
	out := aggregate(pod, func(c *corev1.Container, resizable bool) corev1.ResourceList {
		s := status[c.Name]
		if s == nil || !resizable {
			return c.Resources.Limits
		}
		if resizeInfeasible(pod) {
			return s.Resources.Limits
		}
		return greatest(c.Resources.Limits, s.Resources.Limits)
	})
	if pod.Spec.Resources != nil {
		now := pod.Spec.Resources.Limits
		if seen := pod.Status.Resources; basis == Placed && seen != nil && (len(seen.Limits) > 0 || !resizeInfeasible(pod)) {
			now = greatest(seen.Limits)
			if !resizeInfeasible(pod) {
				raiseTo(now, pod.Spec.Resources.Limits)
			}
		}
		replace(out, pod.Spec.Resources.Limits, now, basis)
	}
	if basis != Limited {
		for name, q := range pod.Spec.Overhead {
			if held, ok := out[name]; ok && !held.IsZero() {
				held.Add(q)
				out[name] = held
			}
		}
	}
	return out
}

// replace puts what the pod as a whole asks for in the place of what its
// containers add up to.
func replace(out, asked, now corev1.ResourceList, basis Basis) {
	for name := range asked {
		if isPodLevel(name) && (basis != Limited || !isHugePages(name)) {
			q := now[name]
			out[name] = q.DeepCopy()
		}
	}
}

// aggregate adds up containers and sidecars, and lifts the sum to what each
// init container needs while it runs.
func aggregate(pod *corev1.Pod, of func(c *corev1.Container, resizable bool) corev1.ResourceList) corev1.ResourceList {
	out, sidecars, starting := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for i := range pod.Spec.Containers {
		addTo(out, of(&pod.Spec.Containers[i], true))
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if isSidecar(c) {
			own := of(c, true)
			addTo(out, own)
			addTo(sidecars, own)
			raiseTo(starting, sidecars)
			continue
		}
		raiseTo(starting, sum(of(c, false), sidecars))
	}
	raiseTo(out, starting)
	return out
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// statuses are the containers whose resources the kubelet has reported, for a
// basis that looks at them.
func statuses(pod *corev1.Pod, basis Basis) map[string]*corev1.ContainerStatus {
	if basis != Placed && basis != Charged {
		return nil
	}
	out := map[string]*corev1.ContainerStatus{}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			out[list[i].Name] = &list[i]
		}
	}
	for name, s := range out {
		if s.Resources == nil {
			delete(out, name)
		}
	}
	return out
}

// resizeInfeasible: the kubelet will not do the resize, so the spec is but a wish.
func resizeInfeasible(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodResizePending {
			return c.Reason == corev1.PodReasonInfeasible
		}
	}
	return false
}
