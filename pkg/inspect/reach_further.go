package inspect

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// further follows the kinds that stand above workloads: an autoscaler to what
// it scales, a CronJob to its Jobs.
func (r *reacher) further(t finding.Ref) {
	switch t.Kind {
	case "HorizontalPodAutoscaler":
		if hpa, a := snapshot.Get[*autoscalingv2.HorizontalPodAutoscaler](r.s, t.Namespace, t.Name); a.State == snapshot.Present {
			r.scaled(t, hpa.Spec.ScaleTargetRef)
		}
	case "CronJob":
		r.jobsOf(t)
	case "Ingress":
		r.backends(t)
	case "HTTPRoute", "GRPCRoute":
		r.routed(t)
	case string(validatingKind), string(mutatingKind):
		r.hooked(t)
	}
}

// hooked reaches the Services without which a webhook cannot be asked.
func (r *reacher) hooked(t finding.Ref) {
	for _, h := range neededHooks(r.s, rule.NewScope(t)) {
		svc, a := snapshot.Get[*corev1.Service](r.s, h.service.Namespace, h.service.Name)
		if a.State == snapshot.Present {
			r.scope.Add(t, h.ref())
			r.service(h.ref(), svc)
		}
	}
}

// routed reaches the Services of its own namespace that a route leads to.
func (r *reacher) routed(t finding.Ref) {
	u, a := snapshot.FindCustom(r.s, snapshot.Kind(t.Kind), t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	for _, b := range routeBackends(u) {
		svc, a := snapshot.Get[*corev1.Service](r.s, b.namespace, b.name)
		if a.State == snapshot.Present && b.namespace == t.Namespace {
			r.scope.Add(t, b.ref())
			r.service(b.ref(), svc)
		}
	}
}

// backends reaches the Services that an Ingress leads to.
func (r *reacher) backends(t finding.Ref) {
	ing, a := snapshot.Get[*networkingv1.Ingress](r.s, t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	for _, need := range ingressServices(ing) {
		r.need(need)
	}
	for _, b := range backends(ing) {
		svc, a := snapshot.Get[*corev1.Service](r.s, t.Namespace, b.service.Name)
		if a.State == snapshot.Present {
			ref := rule.RefTo(svc)
			r.scope.Add(t, ref)
			r.service(ref, svc)
		}
	}
}

func (r *reacher) scaled(t finding.Ref, target autoscalingv2.CrossVersionObjectReference) {
	switch target.Kind {
	case "Deployment", "StatefulSet", "ReplicaSet":
	default:
		return
	}
	ref := finding.Ref{Kind: target.Kind, Namespace: t.Namespace, Name: target.Name}
	r.need(snapshot.Need{Kind: snapshot.Kind(target.Kind), Namespace: t.Namespace, Name: target.Name})
	if _, a := r.s.Find(snapshot.Kind(target.Kind), t.Namespace, target.Name); a.State == snapshot.Present {
		r.scope.Add(t, ref)
		r.from(ref)
	}
}

// jobsOf reaches a CronJob's newest Jobs that it still keeps.
func (r *reacher) jobsOf(t finding.Ref) {
	cron, a := snapshot.Get[*batchv1.CronJob](r.s, t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	r.need(snapshot.Need{Kind: "Job", Namespace: t.Namespace})
	jobs, _ := snapshot.List[*batchv1.Job](r.s, t.Namespace, nil)
	var newest *batchv1.Job
	for _, job := range jobs {
		owner := metav1.GetControllerOfNoCopy(job)
		if owner == nil || owner.UID != cron.UID {
			continue
		}
		if newest == nil || job.CreationTimestamp.After(newest.CreationTimestamp.Time) {
			newest = job
		}
	}
	if newest != nil { // an older one's end is history
		ref := rule.RefTo(newest)
		r.scope.Add(t, ref)
		r.controlled(ref)
	}
}
