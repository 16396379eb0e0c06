package inspect

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Alike keeps once what the pods of one owner have in common, as they are read:
// ten thousand pods that each hold their own copy of the template would fill the
// memory. What is told of them does not change.
func Alike() snapshot.Keep {
	return snapshot.Keep{Reduce: snapshot.ControlledPods(func(pod, first *corev1.Pod) {
		plainTokens(pod)
		if first != nil {
			share(pod, first)
		}
	})}
}

func share(pod, first *corev1.Pod) {
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
	if len(pod.Status.ContainerStatuses) == len(first.Status.ContainerStatuses) {
		for i := range pod.Status.ContainerStatuses {
			m, t := &pod.Status.ContainerStatuses[i], &first.Status.ContainerStatuses[i]
			same(&m.Name, t.Name)
			same(&m.Image, t.Image)
			same(&m.ImageID, t.ImageID)
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
