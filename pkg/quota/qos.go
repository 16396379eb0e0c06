package quota

import (
	corev1 "k8s.io/api/core/v1"
)

// QoS is the pod's quality of service class: the one in its status, else what
// the API server will put there (pkg/apis/core/v1/helper/qos/qos.go). Only CPU
// and memory above zero count; init containers count like all others; what the
// pod as a whole asks for decides alone.
func QoS(pod *corev1.Pod) corev1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	requests, limits, guaranteed := corev1.ResourceList{}, corev1.ResourceList{}, true
	take := func(r *corev1.ResourceRequirements) {
		addTo(requests, computed(r.Requests))
		own := computed(r.Limits)
		addTo(limits, own)
		if len(own) < 2 {
			guaranteed = false
		}
	}
	if whole := pod.Spec.Resources; whole != nil {
		take(whole)
	} else {
		for i := range pod.Spec.Containers {
			take(&pod.Spec.Containers[i].Resources)
		}
		for i := range pod.Spec.InitContainers {
			take(&pod.Spec.InitContainers[i].Resources)
		}
	}
	switch {
	case len(requests) == 0 && len(limits) == 0:
		return corev1.PodQOSBestEffort
	case guaranteed && covered(requests, limits) && len(requests) == len(limits):
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

func covered(requests, limits corev1.ResourceList) bool {
	for name, r := range requests {
		if l, ok := limits[name]; !ok || l.Cmp(r) != 0 {
			return false
		}
	}
	return true
}

// computed is what of the list decides the class.
func computed(list corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q, ok := list[name]; ok && q.Sign() > 0 {
			out[name] = q
		}
	}
	return out
}
