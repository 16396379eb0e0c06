package quota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// withoutNewClaims leaves out the volumes whose claims are yet to be made: where
// they will be is not known, and that they are missing is no reason.
func withoutNewClaims(pod *corev1.Pod, w Work, made []batch) *corev1.Pod {
	isNew := func(name string) bool {
		for t := range w.Claims {
			if w.Claims[t].Name == name || w.Claim(t, 0).Name == name {
				return true
			}
		}
		return slices.ContainsFunc(made, func(m batch) bool {
			return snapshot.KindOf(m.object) == "PersistentVolumeClaim" && m.object.GetName() == name
		})
	}
	out := pod.DeepCopy()
	out.Spec.Volumes = slices.DeleteFunc(out.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Ephemeral != nil || v.PersistentVolumeClaim != nil && isNew(v.PersistentVolumeClaim.ClaimName)
	})
	return out
}
