package quota

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// owners finds the pods for whose extended resources the scheduler made claims.
// Such a pod counts for the resource itself, and its claim must not count again.
type owners struct {
	objects []snapshot.Object
	at      time.Time
	// What follows is looked up once it is asked for.
	pods map[types.NamespacedName]*corev1.Pod
	made map[types.UID][]*resourcev1.ResourceClaim
}

// usage is what the pod counts for that the claim was made for; nothing where
// pod and claim do not both say so (resource_claims.go, getVerifiedPodUsage).
func (w *owners) usage(claim *resourcev1.ResourceClaim) corev1.ResourceList {
	owner := podOwner(claim)
	if owner == nil {
		return nil
	}
	w.look()
	pod := w.pods[types.NamespacedName{Namespace: claim.Namespace, Name: owner.Name}]
	if pod == nil || pod.UID != owner.UID {
		return nil
	}
	if says := pod.Status.ExtendedResourceClaimStatus; says != nil && says.ResourceClaimName != claim.Name {
		return nil
	} else if says == nil && !w.first(claim, owner.UID) {
		return nil
	}
	return podUsage(pod, w.at)
}

// first says that no other claim was made for the pod before this one: as long as
// the pod does not name its claim, the first is it.
func (w *owners) first(claim *resourcev1.ResourceClaim, pod types.UID) bool {
	for _, other := range w.made[pod] {
		switch other.CreationTimestamp.Time.Compare(claim.CreationTimestamp.Time) {
		case -1:
			return false
		case 0:
			if other.Name < claim.Name {
				return false
			}
		}
	}
	return true
}

func (w *owners) look() {
	if w.pods != nil {
		return
	}
	w.pods, w.made = map[types.NamespacedName]*corev1.Pod{}, map[types.UID][]*resourcev1.ResourceClaim{}
	for _, o := range w.objects {
		switch o := o.(type) {
		case *corev1.Pod:
			w.pods[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
		case *resourcev1.ResourceClaim:
			if owner := podOwner(o); owner != nil {
				w.made[owner.UID] = append(w.made[owner.UID], o)
			}
		}
	}
}

// podOwner is the pod that the scheduler made the claim for.
func podOwner(claim *resourcev1.ResourceClaim) *metav1.OwnerReference {
	owner := metav1.GetControllerOfNoCopy(claim)
	if claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] != "true" || owner == nil || owner.Kind != "Pod" || owner.APIVersion != "v1" {
		return nil
	}
	return owner
}
