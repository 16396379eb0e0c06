package inspect

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
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
		owner := metav1.GetControllerOf(job)
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
