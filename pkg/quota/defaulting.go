package quota

import (
	corev1 "k8s.io/api/core/v1"
)

// applyDefaults fills in what the API server fills in of a new pod's resources
// before anything looks at it: a missing request becomes the limit, then what
// the pod as a whole asks for, then amounts are rounded up to thousandths
// (pkg/apis/core/v1/defaults.go, SetDefaults_Pod; the order is that of
// zz_generated.defaults.go). A template is not defaulted so; its pods are.
func applyDefaults(pod *corev1.Pod) {
	each(pod, func(c *corev1.Container, _ bool) {
		r := &c.Resources
		if r.Limits == nil {
			return
		}
		if r.Requests == nil {
			r.Requests = corev1.ResourceList{}
		}
		fill(r.Requests, r.Limits)
	})
	defaultPodLimits(pod)
	defaultPodRequests(pod)
	roundPod(&pod.Spec)
}

// roundPod rounds all resources of a pod or template.
func roundPod(spec *corev1.PodSpec) {
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			roundUp(list[i].Resources.Limits, list[i].Resources.Requests)
		}
	}
	roundUp(spec.Overhead)
	if spec.Resources != nil {
		roundUp(spec.Resources.Limits, spec.Resources.Requests)
	}
}

// each visits containers, then init containers.
func each(pod *corev1.Pod, do func(c *corev1.Container, init bool)) {
	for i := range pod.Spec.Containers {
		do(&pod.Spec.Containers[i], false)
	}
	for i := range pod.Spec.InitContainers {
		do(&pod.Spec.InitContainers[i], true)
	}
}

// fill adds what the list lacks.
func fill(list, from corev1.ResourceList) []corev1.ResourceName {
	var added []corev1.ResourceName
	for _, name := range names(from) {
		if _, ok := list[name]; !ok {
			q := from[name]
			list[name] = q.DeepCopy()
			added = append(added, name)
		}
	}
	return added
}

// roundUp rounds amounts up to thousandths (SetDefaults_ResourceList).
func roundUp(lists ...corev1.ResourceList) {
	for _, list := range lists {
		for name, q := range list {
			q = q.DeepCopy()
			q.RoundUp(-3)
			list[name] = q
		}
	}
}

// defaultPodLimits: the limit of huge pages of the pod as a whole is that of
// its containers, unless it is said (defaultHugePagePodLimits).
func defaultPodLimits(pod *corev1.Pod) {
	whole := pod.Spec.Resources
	if whole == nil || len(whole.Limits)+len(whole.Requests) == 0 {
		return
	}
	for name, q := range aggregate(pod, limitsOf) {
		_, asked := whole.Requests[name]
		_, limited := whole.Limits[name]
		if !isHugePages(name) || asked || limited {
			continue
		}
		if whole.Limits == nil {
			whole.Limits = corev1.ResourceList{}
		}
		whole.Limits[name] = q
	}
}

// defaultPodRequests: where the pod as a whole has limits, its requests are
// those of its containers, else its limits.
func defaultPodRequests(pod *corev1.Pod) {
	whole := pod.Spec.Resources
	if whole == nil || len(whole.Limits) == 0 {
		return
	}
	requests := whole.Requests
	if requests == nil {
		requests = corev1.ResourceList{}
	}
	own := aggregate(pod, requestsOf)
	for name := range own {
		if !isPodLevel(name) || !isOvercommitted(name) {
			delete(own, name)
		}
	}
	fill(requests, own)
	limits := corev1.ResourceList{}
	for name, q := range whole.Limits {
		if isPodLevel(name) {
			limits[name] = q
		}
	}
	fill(requests, limits)
	if len(requests) > 0 {
		whole.Requests = requests
	}
}

func requestsOf(c *corev1.Container, _ bool) corev1.ResourceList { return c.Resources.Requests }

func limitsOf(c *corev1.Container, _ bool) corev1.ResourceList { return c.Resources.Limits }
