package inspect

import (
	"reflect"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Alike keeps once what the pods of one owner have in common, as they are read:
// ten thousand pods that each hold their own copy of the template would fill the
// memory. What is told of them does not change.
func Alike() snapshot.Keep {
	a := &sharer{last: map[types.UID]*corev1.Pod{}}
	return snapshot.Keep{Reduce: func(o snapshot.Object) {
		if pod, ok := o.(*corev1.Pod); ok {
			if owner := metav1.GetControllerOf(pod); owner != nil {
				a.share(pod, owner.UID)
			}
		}
	}}
}

type sharer struct {
	mu   sync.Mutex
	last map[types.UID]*corev1.Pod
}

func (a *sharer) share(pod *corev1.Pod, owner types.UID) {
	plainTokens(pod)
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.last[owner]
	if last == nil {
		a.last[owner] = pod
		return
	}
	same(&pod.Labels, last.Labels)
	same(&pod.Annotations, last.Annotations)
	same(&pod.OwnerReferences, last.OwnerReferences)
	mine, theirs := &pod.Spec, &last.Spec
	same(&mine.Volumes, theirs.Volumes)
	same(&mine.InitContainers, theirs.InitContainers)
	same(&mine.Containers, theirs.Containers)
	same(&mine.Tolerations, theirs.Tolerations)
	same(&mine.Affinity, theirs.Affinity)
	same(&mine.SecurityContext, theirs.SecurityContext)
	same(&mine.TopologySpreadConstraints, theirs.TopologySpreadConstraints)
	if len(pod.Status.ContainerStatuses) == len(last.Status.ContainerStatuses) {
		for i := range pod.Status.ContainerStatuses {
			m, t := &pod.Status.ContainerStatuses[i], &last.Status.ContainerStatuses[i]
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
