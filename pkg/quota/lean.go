package quota

import (
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Lean makes of each pod what an audit looks at, page by page as pods are read:
// ten thousand whole pods would fill the memory. What the pods of one owner have
// in common is kept once. A pod without an owner stays whole, because rules hold
// it for a workload of its own. The function is safe for use by several goroutines.
func Lean() func(snapshot.Object) snapshot.Object {
	l := &leaner{last: map[types.UID]*corev1.Pod{}}
	return func(o snapshot.Object) snapshot.Object {
		pod, ok := o.(*corev1.Pod)
		if !ok {
			return o
		}
		owner := metav1.GetControllerOf(pod)
		if owner == nil {
			return o
		}
		return l.lean(pod, owner)
	}
}

type leaner struct {
	mu   sync.Mutex
	last map[types.UID]*corev1.Pod
}

func (l *leaner) lean(pod *corev1.Pod, owner *metav1.OwnerReference) *corev1.Pod {
	out := &corev1.Pod{}
	out.Name, out.Namespace, out.UID, out.Labels = pod.Name, pod.Namespace, pod.UID, pod.Labels
	out.CreationTimestamp, out.DeletionTimestamp, out.DeletionGracePeriodSeconds = pod.CreationTimestamp, pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds
	out.OwnerReferences = []metav1.OwnerReference{*owner}
	out.Spec = corev1.PodSpec{
		NodeName: pod.Spec.NodeName, PriorityClassName: pod.Spec.PriorityClassName, RuntimeClassName: pod.Spec.RuntimeClassName,
		Overhead: pod.Spec.Overhead, Resources: pod.Spec.Resources, ActiveDeadlineSeconds: pod.Spec.ActiveDeadlineSeconds, Affinity: pod.Spec.Affinity,
		Containers: leanContainers(pod.Spec.Containers), InitContainers: leanContainers(pod.Spec.InitContainers),
	}
	out.Status = corev1.PodStatus{Phase: pod.Status.Phase, QOSClass: pod.Status.QOSClass, Resources: pod.Status.Resources, AllocatedResources: pod.Status.AllocatedResources}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodResizePending || c.Type == corev1.PodResizeInProgress {
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
	}
	out.Status.ContainerStatuses = leanStatuses(pod, pod.Spec.Containers, pod.Status.ContainerStatuses)
	out.Status.InitContainerStatuses = leanStatuses(pod, pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	l.share(out, owner.UID)
	return out
}

func leanContainers(all []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(all))
	for i := range all {
		out[i] = corev1.Container{Name: all[i].Name, Resources: all[i].Resources, RestartPolicy: all[i].RestartPolicy}
	}
	return out
}

// leanStatuses keeps the statuses that say something else than the spec, and
// when a container ended.
func leanStatuses(pod *corev1.Pod, spec []corev1.Container, all []corev1.ContainerStatus) []corev1.ContainerStatus {
	asked := map[string]*corev1.Container{}
	for i := range spec {
		asked[spec[i].Name] = &spec[i]
	}
	var out []corev1.ContainerStatus
	for i := range all {
		s, c := &all[i], asked[all[i].Name]
		same := s.Resources == nil || c != nil && equal(s.Resources.Requests, c.Resources.Requests) && equal(s.Resources.Limits, c.Resources.Limits) &&
			(len(s.AllocatedResources) == 0 || equal(s.AllocatedResources, c.Resources.Requests)) && !resizeInfeasible(pod)
		kept := corev1.ContainerStatus{Name: s.Name}
		if !same {
			kept.Resources, kept.AllocatedResources = s.Resources, s.AllocatedResources
		}
		if s.State.Terminated != nil {
			kept.State.Terminated = &corev1.ContainerStateTerminated{FinishedAt: s.State.Terminated.FinishedAt}
		}
		if !same || kept.State.Terminated != nil {
			out = append(out, kept)
		}
	}
	return out
}

// share puts what the last pod of the owner has as well in the place of the same.
func (l *leaner) share(pod *corev1.Pod, owner types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[owner]
	if last == nil {
		l.last[owner] = pod
		return
	}
	pod.OwnerReferences = last.OwnerReferences
	if sameContainers(pod.Spec.Containers, last.Spec.Containers) {
		pod.Spec.Containers = last.Spec.Containers
	}
	if sameContainers(pod.Spec.InitContainers, last.Spec.InitContainers) {
		pod.Spec.InitContainers = last.Spec.InitContainers
	}
	if maps.Equal(pod.Labels, last.Labels) {
		pod.Labels = last.Labels
	}
}

func sameContainers(a, b []corev1.Container) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || isSidecar(&a[i]) != isSidecar(&b[i]) || !equal(a[i].Resources.Requests, b[i].Resources.Requests) || !equal(a[i].Resources.Limits, b[i].Resources.Limits) {
			return false
		}
	}
	return true
}
