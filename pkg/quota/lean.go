package quota

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Lean makes of each pod what an audit looks at, page by page as pods are read:
// ten thousand whole pods would fill the memory. What the pods of one owner have
// in common is kept once. A pod without a controller stays whole, because rules
// hold it for a workload of its own.
func Lean() snapshot.Keep {
	return snapshot.Keep{
		Fields: map[snapshot.Kind]snapshot.Fields{
			"Pod":        {Only: leanFields(), Controlled: true},
			"PodMetrics": {Only: []string{"metadata.name", "metadata.namespace", "containers"}},
			"ReplicaSet": {Only: []string{"metadata"}, Controlled: true}, // it leads to its Deployment
			// What devices fit a class, and which of them a claim got, is not looked at.
			"ResourceClaim": {Only: []string{"metadata", "spec.devices.requests"}},
			"DeviceClass":   {Only: []string{"metadata.name", "metadata.creationTimestamp", "spec.extendedResourceName"}},
		},
		Reduce: snapshot.ControlledPods(func(pod, first *corev1.Pod) {
			lean(pod)
			if first != nil {
				shareParts(pod, first)
			}
		}),
	}
}

// leanFields are what lean looks at.
func leanFields() []string {
	out := []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.ownerReferences",
		"metadata.creationTimestamp", "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds",
		"spec.nodeName", "spec.priorityClassName", "spec.runtimeClassName", "spec.overhead", "spec.resources", "spec.activeDeadlineSeconds", "spec.affinity",
		"status.phase", "status.qosClass", "status.resources", "status.allocatedResources", "status.conditions",
		"status.extendedResourceClaimStatus.resourceClaimName",
	}
	for _, list := range []string{"spec.containers", "spec.initContainers"} {
		out = append(out, list+".name", list+".resources", list+".restartPolicy")
	}
	for _, list := range []string{"status.containerStatuses", "status.initContainerStatuses"} {
		out = append(out, list+".name", list+".resources", list+".allocatedResources", list+".state")
	}
	return out
}

// lean reduces a pod in place.
func lean(pod *corev1.Pod) {
	spec, status := &pod.Spec, &pod.Status
	kept := corev1.PodStatus{Phase: status.Phase, QOSClass: status.QOSClass, Resources: status.Resources, AllocatedResources: status.AllocatedResources}
	for _, c := range status.Conditions {
		if c.Type == corev1.PodResizePending || c.Type == corev1.PodResizeInProgress {
			kept.Conditions = append(kept.Conditions, c)
		}
	}
	if claim := status.ExtendedResourceClaimStatus; claim != nil {
		kept.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: claim.ResourceClaimName}
	}
	kept.ContainerStatuses = leanStatuses(pod, spec.Containers, status.ContainerStatuses)
	kept.InitContainerStatuses = leanStatuses(pod, spec.InitContainers, status.InitContainerStatuses)
	*pod = corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, Labels: pod.Labels, OwnerReferences: []metav1.OwnerReference{*metav1.GetControllerOfNoCopy(pod)},
			CreationTimestamp: pod.CreationTimestamp, DeletionTimestamp: pod.DeletionTimestamp, DeletionGracePeriodSeconds: pod.DeletionGracePeriodSeconds,
		},
		Spec: corev1.PodSpec{
			NodeName: spec.NodeName, PriorityClassName: spec.PriorityClassName, RuntimeClassName: spec.RuntimeClassName,
			Overhead: spec.Overhead, Resources: spec.Resources, ActiveDeadlineSeconds: spec.ActiveDeadlineSeconds, Affinity: spec.Affinity,
			Containers: leanContainers(spec.Containers), InitContainers: leanContainers(spec.InitContainers),
		},
		Status: kept,
	}
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

// shareParts puts what the first pod of the controller has as well in the place of the same.
func shareParts(pod, first *corev1.Pod) {
	pod.OwnerReferences = first.OwnerReferences
	if sameContainers(pod.Spec.Containers, first.Spec.Containers) {
		pod.Spec.Containers = first.Spec.Containers
	}
	if sameContainers(pod.Spec.InitContainers, first.Spec.InitContainers) {
		pod.Spec.InitContainers = first.Spec.InitContainers
	}
	if maps.Equal(pod.Labels, first.Labels) {
		pod.Labels = first.Labels
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
