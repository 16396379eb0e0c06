package random

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Disturb lets a pod be in the middle of a resize, on its way out, or at its end.
func (d Dice) Disturb(pod *corev1.Pod, now time.Time) {
	switch d.IntN(8) {
	case 0:
		pod.Status.Phase = One(d, corev1.PodSucceeded, corev1.PodFailed)
	case 1:
		ago, grace := metav1.NewTime(now.Add(-One(d, 90*time.Minute, 30*time.Second))), int64(One(d, 0, 60, 7200)) // never at the very moment
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &ago, &grace
		pod.Finalizers = []string{"example.com/keep"}
	case 2, 3, 4:
		d.resize(pod)
	}
}

func (d Dice) resize(pod *corev1.Pod) {
	pod.Status.Phase = corev1.PodRunning
	status := func(name string) corev1.ContainerStatus {
		s := corev1.ContainerStatus{Name: name}
		if d.In(80) {
			s.Resources = &corev1.ResourceRequirements{Requests: d.list(60, 60, 0, 0, 0), Limits: d.list(50, 50, 0, 0, 0)}
			s.AllocatedResources = d.list(60, 60, 0, 0, 0)
		}
		return s
	}
	for i := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status(pod.Spec.Containers[i].Name))
	}
	for i := range pod.Spec.InitContainers {
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, status(pod.Spec.InitContainers[i].Name))
	}
	if d.In(40) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: One(d, corev1.PodReasonInfeasible, corev1.PodReasonDeferred)}}
	}
	if pod.Spec.Resources != nil && d.In(60) {
		pod.Status.Resources = &corev1.ResourceRequirements{Requests: d.list(60, 60, 0, 0, 0), Limits: d.list(50, 50, 0, 0, 0)}
		pod.Status.AllocatedResources = d.list(60, 60, 0, 0, 0)
	}
}
