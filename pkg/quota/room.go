package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// placePods binds pods like this one until none fits any more or all have a
// place, and gives how many have and why the next one has not. Each goes to the
// first node that takes it of those that have got the fewest, which spreads them
// as the scheduler does; with constraints between pods another order might place more.
func placePods(c *fit.Cluster, pod *corev1.Pod, n int) (int, fit.Verdict) {
	if !c.LooksAtOthers(pod) {
		return placeAll(c, pod, n)
	}
	got := map[string]int{}
	for i := range n {
		v := c.Judge(pod)
		nodes := v.Fitting()
		if len(nodes) == 0 {
			return i, v
		}
		best := nodes[0]
		for _, name := range nodes {
			if got[name] < got[best] {
				best = name
			}
		}
		got[best]++
		placed := pod.DeepCopy()
		placed.Name = fmt.Sprintf("%s-%d", pod.Name, i)
		placed.Spec.NodeName = best
		placed.Status.Phase = corev1.PodPending
		c.Bind(placed)
	}
	return n, fit.Verdict{}
}

// placeAll is placePods for pods that do not look at one another: how many each
// node takes is known beforehand.
func placeAll(c *fit.Cluster, pod *corev1.Pod, n int) (int, fit.Verdict) {
	rooms := c.Rooms(pod)
	placed := min(n, rooms.Pods)
	for left, at := placed, 0; left > 0; at++ {
		room := &rooms.Nodes[at%len(rooms.Nodes)]
		if room.Pods == 0 {
			continue
		}
		room.Pods--
		left--
		bound := pod.DeepCopy()
		bound.Name, bound.Spec.NodeName = fmt.Sprintf("%s-%d", pod.Name, left), room.Node
		bound.Status.Phase = corev1.PodPending
		c.Bind(bound)
	}
	if placed < n {
		return placed, rooms.Full
	}
	return n, fit.Verdict{}
}

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
