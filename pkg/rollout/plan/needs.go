package plan

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Needs says what is still to be read to complete the spec and to plan it, given
// what is known so far; it is asked again after each round of reading, three at most.
func Needs(s *snapshot.Snapshot, spec rollout.Spec) snapshot.Needs {
	var n snapshot.Needs
	ref, err := resolve(s, spec.Workload)
	if err != nil {
		return n
	}
	in := func(kind snapshot.Kind) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: kind, Namespace: ref.Namespace})
	}
	n.Objects = append(n.Objects, snapshot.Need{Kind: snapshot.Kind(ref.Kind), Namespace: ref.Namespace, Name: ref.Name})
	in("Service")
	if w, _ := find(s, ref); w != nil {
		n.Add(roomNeeds(s, w, spec))
		for _, kind := range []snapshot.Kind{"ResourceQuota", "LimitRange", "HorizontalPodAutoscaler", "PodDisruptionBudget"} {
			in(kind)
		}
	}
	return s.Missing(n)
}

// autoscalerStatus is where the cluster autoscaler writes down how it fares
// (autoscaler/cluster-autoscaler/clusterstate/utils, StatusConfigMapName): where it is, nodes may be added.
func autoscalerStatus() snapshot.Need {
	return snapshot.Need{Kind: "ConfigMap", Namespace: "kube-system", Name: "cluster-autoscaler-status"}
}

// roomNeeds are what tells whether more Pods find a place. Pods are wanted of the
// whole cluster; where that may not be read, of the namespace, for what is behind the Services.
func roomNeeds(s *snapshot.Snapshot, w *workload, spec rollout.Spec) snapshot.Needs {
	n := snapshot.Needs{Objects: []snapshot.Need{{Kind: "Node"}, rule.UnfinishedPods()}}
	add := func(need snapshot.Need) { n.Objects = append(n.Objects, need) }
	if a := s.Asked(rule.UnfinishedPods()); a.State != snapshot.Present && !a.NotRead() {
		add(snapshot.Need{Kind: "Pod", Namespace: w.ref.Namespace})
	}
	pod := podOf(w, w.template)
	rewritten := len(spec.Edit.Patch) > 0 || len(spec.Edit.Manifest) > 0 || spec.Edit.Revision != 0
	if fit.UsesClaims(pod) || rewritten {
		add(snapshot.Need{Kind: "PersistentVolumeClaim", Namespace: w.ref.Namespace})
	}
	if fit.UsesClaims(pod) {
		add(snapshot.Need{Kind: "PersistentVolume"})
	}
	if fit.SelectsNamespaces(pod) {
		add(snapshot.Need{Kind: "Namespace"})
	}
	if rewritten || crowded(s, spec) {
		add(autoscalerStatus())
	}
	return n
}

// crowded: Pods such as those that run would find no place, so that it matters whether nodes may be added.
func crowded(s *snapshot.Snapshot, spec rollout.Spec) bool {
	full, err := Complete(s, spec)
	if err != nil || s.Asked(rule.UnfinishedPods()).NotRead() {
		return false
	}
	d, err := newDraft(s, Input{State: &rollout.State{Spec: full}})
	return err == nil && d.capacity.Room.State == RoomShort
}

// podOf is a Pod that the workload's controller would make of the template.
func podOf(w *workload, template corev1.PodTemplateSpec) *corev1.Pod {
	meta := *template.ObjectMeta.DeepCopy()
	meta.Namespace, meta.Name = w.ref.Namespace, w.ref.Name+"-new"
	return &corev1.Pod{ObjectMeta: meta, Spec: *template.Spec.DeepCopy()}
}
