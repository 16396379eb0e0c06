package inspect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	// heldPatience is how long controllers may take for what a finalizer is there for.
	heldPatience = time.Minute
	// heldLong is when nobody believes any more that it will go by itself.
	heldLong = 10 * time.Minute
)

// heldRules find objects that somebody has deleted and that stay.
func heldRules() []rule.Rule {
	var reads []snapshot.Kind
	for _, i := range snapshot.Kinds() {
		reads = append(reads, i.Kind)
	}
	return []rule.Rule{{ID: "api/deletion-held", Reads: reads, Needs: heldNeeds, Check: checkHeld}}
}

// held are the objects of the scope that were deleted a while ago and have
// finalizers left. Pods and namespaces have rules of their own.
func held(s *snapshot.Snapshot, sc *rule.Scope) []snapshot.Object {
	var out []snapshot.Object
	for m := range sc.Members() {
		if m.Kind == "Pod" || m.Kind == "Namespace" {
			continue
		}
		o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present || len(o.GetFinalizers()) == 0 {
			continue
		}
		if at := o.GetDeletionTimestamp(); at != nil && s.TakenAt.Sub(at.Time) > heldPatience {
			out = append(out, o)
		}
	}
	return out
}

func heldNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, o := range held(s, sc) {
		if slices.Contains(o.GetFinalizers(), "kubernetes.io/pvc-protection") {
			n.Objects = append(n.Objects, snapshot.Need{Kind: "Pod", Namespace: o.GetNamespace()})
		}
	}
	return n
}

// checkHeld: an object is to go, and a finalizer is left whose owner has not
// done its part (apiserver, registry/generic/registry/store.go: the last
// finalizer that goes takes the object with it).
func checkHeld(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, o := range held(s, sc) {
		ref := rule.RefTo(o)
		if endsBelow(s, sc, ref) || goesWithOwner(s, o) {
			continue
		}
		f := finding.Finding{Object: ref, Args: map[string]any{
			"object": ref.String(), "namespace": o.GetNamespace(), "finalizers": strings.Join(o.GetFinalizers(), ", "), "keeper": keeperOf(o.GetFinalizers()),
			"users": "", "foreground": slices.Contains(o.GetFinalizers(), "foregroundDeletion"),
		}}
		if pv, ok := o.(*corev1.PersistentVolume); ok && pv.Status.Phase == corev1.VolumeBound && pv.Spec.ClaimRef != nil {
			f.Args["users"] = finding.Ref{Kind: string(claimKind), Name: pv.Spec.ClaimRef.Name}.String()
		}
		if claim, ok := o.(*corev1.PersistentVolumeClaim); ok && slices.Contains(claim.Finalizers, "kubernetes.io/pvc-protection") {
			f.Args["users"] = strings.Join(claimView{s: s, claim: claim}.users(), ", ")
		}
		if s.TakenAt.Sub(o.GetDeletionTimestamp().Time) < heldLong {
			f.Severity = finding.Warning
		}
		f.Evidence = []finding.Evidence{
			seen(o, "metadata.deletionTimestamp", o.GetDeletionTimestamp().UTC().Format(time.RFC3339)),
			seen(o, "metadata.finalizers", strings.Join(o.GetFinalizers(), ", ")),
		}
		out = append(out, f)
	}
	return out
}

// goesWithOwner says that what controls the object is being deleted too: that is told of the owner.
func goesWithOwner(s *snapshot.Snapshot, o snapshot.Object) bool {
	up, owned := controller(o)
	if !owned {
		return false
	}
	owner, a := s.Find(snapshot.Kind(up.Kind), up.Namespace, up.Name)
	return a.State == snapshot.Present && owner.GetDeletionTimestamp() != nil
}

// endsBelow says that pods below are still in their grace periods, for which what owns them may wait.
func endsBelow(s *snapshot.Snapshot, sc *rule.Scope, owner finding.Ref) bool {
	return slices.ContainsFunc(sc.Below(owner), func(r finding.Ref) bool {
		pod, a := snapshot.Get[*corev1.Pod](s, r.Namespace, r.Name)
		return r.Kind == "Pod" && a.State == snapshot.Present && pod.DeletionTimestamp != nil && !overdue(s, pod)
	})
}
