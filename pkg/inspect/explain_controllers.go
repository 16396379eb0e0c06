package inspect

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func (e explainer) statefulSet(out *Object, sts *appsv1.StatefulSet) {
	want := replicasOf(sts.Spec.Replicas)
	out.Summary = e.text("statefulset", map[string]any{"n": want, "name": sts.Name})
	out.Health, out.Status = e.replicas(sts.Spec.Replicas, sts.Status.ReadyReplicas)
	asked := strconv.Itoa(want)
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, sts.Status.Replicas, int(sts.Status.Replicas) == want),
		e.count("what-updated", asked, sts.Status.UpdatedReplicas, int(sts.Status.UpdatedReplicas) == want),
		e.count("what-ready", asked, sts.Status.ReadyReplicas, int(sts.Status.ReadyReplicas) >= want))
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

func (e explainer) daemonSet(out *Object, ds *appsv1.DaemonSet) {
	want := ds.Status.DesiredNumberScheduled
	out.Summary = e.text("daemonset", map[string]any{"n": int(want)})
	out.Health, out.Status = e.replicas(&want, ds.Status.NumberReady)
	asked := strconv.Itoa(int(want))
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, ds.Status.CurrentNumberScheduled, ds.Status.CurrentNumberScheduled >= want),
		e.count("what-updated", asked, ds.Status.UpdatedNumberScheduled, ds.Status.UpdatedNumberScheduled >= want),
		e.count("what-ready", asked, ds.Status.NumberReady, ds.Status.NumberReady >= want))
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

func (e explainer) job(out *Object, job *batchv1.Job) {
	want := completionsOf(job)
	out.Summary = e.text("job", map[string]any{"n": want})
	out.Health, out.Status = e.jobStatus(job)
	done := e.count("what-completed", strconv.Itoa(want), job.Status.Succeeded, int(job.Status.Succeeded) >= want)
	if job.Spec.Suspend != nil && *job.Spec.Suspend {
		done.OK = nil // it is not meant to go on
	}
	out.Compare = append(out.Compare, done)
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

// jobStatus follows the Job's own conditions; until one of them is set it is on its way.
func (e explainer) jobStatus(job *batchv1.Job) (Health, string) {
	status := e.text("status-completed", map[string]any{"done": int(job.Status.Succeeded), "desired": completionsOf(job)})
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return Healthy, status
		case batchv1.JobFailed:
			return Unwell, status + ", " + c.Reason
		case batchv1.JobSuspended:
			return Healthy, e.text("status-paused", nil)
		case batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
		}
	}
	return Progressing, status
}

// completionsOf is how many pods must succeed; a Job that does not say wants one.
func completionsOf(job *batchv1.Job) int {
	if job.Spec.Completions == nil {
		return 1
	}
	return int(*job.Spec.Completions)
}
