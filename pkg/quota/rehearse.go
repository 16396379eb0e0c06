package quota

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Question is a dry run that is worth asking the API server for.
type Question struct {
	Object finding.Ref
	// Pod says that Send is the first pod of a workload.
	Pod bool
	// There says that an object of that name exists, so that it would be changed.
	There bool
	Send  snapshot.Object
	// Needs is an earlier manifest without which the answer would mislead; the
	// question is not to be asked then.
	Needs *finding.Ref
}

// Questions lists what to ask: each workload, claim and Service, and one pod of
// each workload. Secrets and ConfigMaps are known by their keys only and are not sent.
func Questions(in, s *snapshot.Snapshot) []Question {
	var out []Question
	for _, o := range in.InOrder() {
		work, isWork := WorkOf(o)
		if m := meterOf(o); o.GetNamespace() == "" || !isWork && m != claimMeter && m != serviceMeter && m != deviceMeter {
			continue
		}
		_, a := s.Find(snapshot.KindOf(o), o.GetNamespace(), o.GetName())
		q := Question{Object: rule.RefTo(o), Send: o, There: a.State == snapshot.Present, Needs: namespaceIn(in, s, o.GetNamespace())}
		_, bare := o.(*corev1.Pod)
		if bare {
			q.Needs = podNeeds(in, s, o.GetNamespace(), &work.Template.Spec)
		}
		out = append(out, q)
		if isWork && !bare {
			out = append(out, Question{Object: q.Object, Pod: true, Send: work.sample(), Needs: podNeeds(in, s, o.GetNamespace(), &work.Template.Spec)})
		}
	}
	return out
}

// sample is a pod as the controller sends it, under a name that nothing has yet.
func (w Work) sample() *corev1.Pod {
	pod := w.Pod(0)
	pod.Name, pod.GenerateName = "", w.Ref.Name+"-"
	if _, set := w.Object.(*appsv1.StatefulSet); set {
		pod.GenerateName = w.Ref.Name + "-0-"
	}
	return pod
}

// namespaceIn is the manifest that makes the namespace, where it is not there yet.
func namespaceIn(in, s *snapshot.Snapshot, name string) *finding.Ref {
	return madeBy(in, s, finding.Ref{Kind: "Namespace", Name: name})
}

// podNeeds is a manifest that decides about the pod and is not there yet.
func podNeeds(in, s *snapshot.Snapshot, namespace string, spec *corev1.PodSpec) *finding.Ref {
	refs := []finding.Ref{{Kind: "Namespace", Name: namespace}}
	if spec.ServiceAccountName != "" {
		refs = append(refs, finding.Ref{Kind: "ServiceAccount", Namespace: namespace, Name: spec.ServiceAccountName})
	}
	if spec.PriorityClassName != "" {
		refs = append(refs, finding.Ref{Kind: "PriorityClass", Name: spec.PriorityClassName})
	}
	if spec.RuntimeClassName != nil {
		refs = append(refs, finding.Ref{Kind: "RuntimeClass", Name: *spec.RuntimeClassName})
	}
	for _, kind := range []snapshot.Kind{"LimitRange", "ResourceQuota"} {
		for _, o := range in.OfKind(kind, namespace) {
			refs = append(refs, rule.RefTo(o))
		}
	}
	for _, r := range refs {
		if made := madeBy(in, s, r); made != nil {
			return made
		}
	}
	return nil
}

// madeBy gives the reference back where a manifest makes the object and the
// cluster does not have it, as far as is known.
func madeBy(in, s *snapshot.Snapshot, r finding.Ref) *finding.Ref {
	if _, a := in.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name); a.State != snapshot.Present {
		return nil
	}
	if _, a := s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name); a.State == snapshot.Present {
		return nil
	}
	return &r
}
