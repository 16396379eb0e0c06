package inspect

import (
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Alike keeps once what the pods of one owner, and the endpoints of one slice, have
// in common, as they are read: ten thousand pods that each hold their own copy of
// the template would fill the memory. What is told of them does not change.
func Alike() snapshot.Keep {
	pods := snapshot.ControlledPods(func(pod, first *corev1.Pod) {
		plainTokens(pod)
		pod.Status.Conditions = slices.Clone(pod.Status.Conditions) // decoded into room for more
		if first != nil {
			share(pod, first)
		}
	})
	return snapshot.Keep{Reduce: func(o snapshot.Object) {
		pods(o)
		if slice, ok := o.(*discoveryv1.EndpointSlice); ok {
			shareEndpoints(slice)
		}
	}}
}

// shareEndpoints keeps once what the endpoints of a slice have in common.
func shareEndpoints(slice *discoveryv1.EndpointSlice) {
	slice.Endpoints = slices.Clone(slice.Endpoints)
	for i := range slice.Endpoints {
		mine, theirs := &slice.Endpoints[i], slice.Endpoints[0]
		value(&mine.Conditions.Ready, theirs.Conditions.Ready)
		value(&mine.Conditions.Serving, theirs.Conditions.Serving)
		value(&mine.Conditions.Terminating, theirs.Conditions.Terminating)
		value(&mine.NodeName, theirs.NodeName)
		value(&mine.Zone, theirs.Zone)
		if mine.TargetRef != nil && theirs.TargetRef != nil {
			word(&mine.TargetRef.Kind, theirs.TargetRef.Kind)
			word(&mine.TargetRef.Namespace, theirs.TargetRef.Namespace)
		}
	}
}

func share(pod, first *corev1.Pod) {
	word(&pod.Namespace, first.Namespace)
	word(&pod.GenerateName, first.GenerateName)
	same(&pod.Labels, first.Labels)
	same(&pod.Annotations, first.Annotations)
	same(&pod.OwnerReferences, first.OwnerReferences)
	mine, theirs := &pod.Spec, &first.Spec
	same(&mine.Volumes, theirs.Volumes)
	same(&mine.InitContainers, theirs.InitContainers)
	same(&mine.Containers, theirs.Containers)
	same(&mine.Tolerations, theirs.Tolerations)
	same(&mine.Affinity, theirs.Affinity)
	same(&mine.SecurityContext, theirs.SecurityContext)
	same(&mine.TopologySpreadConstraints, theirs.TopologySpreadConstraints)
	word(&mine.RestartPolicy, theirs.RestartPolicy)
	word(&mine.DNSPolicy, theirs.DNSPolicy)
	word(&mine.SchedulerName, theirs.SchedulerName)
	word(&mine.ServiceAccountName, theirs.ServiceAccountName)
	word(&mine.DeprecatedServiceAccount, theirs.DeprecatedServiceAccount)
	value(&mine.TerminationGracePeriodSeconds, theirs.TerminationGracePeriodSeconds)
	value(&mine.EnableServiceLinks, theirs.EnableServiceLinks)
	value(&mine.Priority, theirs.Priority)
	value(&mine.PreemptionPolicy, theirs.PreemptionPolicy)
	word(&pod.Status.Phase, first.Status.Phase)
	word(&pod.Status.QOSClass, first.Status.QOSClass)
	if len(pod.Status.Conditions) == len(first.Status.Conditions) {
		for i := range pod.Status.Conditions {
			m, t := &pod.Status.Conditions[i], &first.Status.Conditions[i]
			word(&m.Type, t.Type)
			word(&m.Status, t.Status)
			word(&m.Reason, t.Reason)
		}
	}
	if len(pod.Status.ContainerStatuses) == len(first.Status.ContainerStatuses) {
		for i := range pod.Status.ContainerStatuses {
			m, t := &pod.Status.ContainerStatuses[i], &first.Status.ContainerStatuses[i]
			word(&m.Name, t.Name)
			word(&m.Image, t.Image)
			word(&m.ImageID, t.ImageID)
			same(&m.Resources, t.Resources)
			same(&m.AllocatedResources, t.AllocatedResources)
			same(&m.VolumeMounts, t.VolumeMounts)
		}
	}
}

// same takes the other's value where it says the same.
func same[T any](mine *T, theirs T) {
	if reflect.DeepEqual(*mine, theirs) {
		*mine = theirs
	}
}

// word is the same for what needs no reflection.
func word[T ~string](mine *T, theirs T) {
	if *mine == theirs {
		*mine = theirs
	}
}

// value is the same for what a pointer leads to.
func value[T comparable](mine **T, theirs *T) {
	if *mine != nil && theirs != nil && **mine == *theirs {
		*mine = theirs
	}
}

// tokenVolume is the volume that the API server adds for the token, with five
// letters by chance behind it (plugin/pkg/admission/serviceaccount).
const tokenVolume = "kube-api-access-"

// plainTokens takes the letters away, by which alone pods of a template differ.
// Not of a pod that is not ready: an event may name its volume.
func plainTokens(pod *corev1.Pod) {
	ready := false
	for _, c := range pod.Status.Conditions {
		ready = ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	if !ready {
		return
	}
	plain := func(name *string) {
		if strings.HasPrefix(*name, tokenVolume) {
			*name = tokenVolume[:len(tokenVolume)-1]
		}
	}
	for i := range pod.Spec.Volumes {
		plain(&pod.Spec.Volumes[i].Name)
	}
	for _, all := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range all {
			for j := range all[i].VolumeMounts {
				plain(&all[i].VolumeMounts[j].Name)
			}
		}
	}
	for _, all := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range all {
			for j := range all[i].VolumeMounts {
				plain(&all[i].VolumeMounts[j].Name)
			}
		}
	}
}
