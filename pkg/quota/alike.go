package quota

import corev1 "k8s.io/api/core/v1"

// alike says that two pods have the same size for sure, without reckoning it:
// their containers are kept once (see Lean), and neither pod says anything of its own.
func alike(a, b *corev1.Pod) bool {
	return a != nil && b != nil && keptOnce(a.Spec.Containers, b.Spec.Containers) && keptOnce(a.Spec.InitContainers, b.Spec.InitContainers) &&
		likeItsContainers(a) && likeItsContainers(b)
}

func keptOnce(a, b []corev1.Container) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// likeItsContainers: nothing but the containers' specs makes up the size.
func likeItsContainers(p *corev1.Pod) bool {
	return p.Spec.Resources == nil && len(p.Spec.Overhead) == 0 && !reportsSize(p)
}

// reportsSize says that the kubelet has reported what containers have.
func reportsSize(p *corev1.Pod) bool {
	if p.Status.Resources != nil || len(p.Status.AllocatedResources) > 0 {
		return true
	}
	for _, all := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range all {
			if all[i].Resources != nil || len(all[i].AllocatedResources) > 0 {
				return true
			}
		}
	}
	return false
}
