package inspect

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func (e explainer) statefulSet(out *Object, sts *appsv1.StatefulSet) {
	want := replicasOf(sts.Spec.Replicas)
	onDelete, partition := sts.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType, 0
	if u := sts.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil {
		partition = int(*u.Partition)
	}
	out.Summary = e.text("statefulset", map[string]any{"n": want, "name": sts.Name, "onDelete": onDelete, "partition": partition})
	out.Health, out.Status = e.replicas(sts.Spec.Replicas, sts.Status.ReadyReplicas)
	first := 0
	if o := sts.Spec.Ordinals; o != nil {
		first = int(o.Start)
	}
	updated := max(0, want-max(0, partition-first)) // those below the partition stay as they are
	asked := strconv.Itoa(want)
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, sts.Status.Replicas, int(sts.Status.Replicas) == want),
		e.updated(out, updated, want, sts.Status.UpdatedReplicas, onDelete),
		e.count("what-ready", asked, sts.Status.ReadyReplicas, int(sts.Status.ReadyReplicas) >= want))
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

// updated compares how many pods have the newest template with how many are to
// have it by themselves, and says in the state that others have an older one on purpose.
func (e explainer) updated(out *Object, asked, all int, now int32, onDelete bool) Comparison {
	if onDelete {
		asked = 0
	}
	row := e.count("what-updated", strconv.Itoa(asked), now, int(now) >= asked)
	if onDelete {
		row.Desired, row.OK = "", nil
	}
	if old := all - int(now); old > 0 && asked < all && int(now) >= asked {
		out.Status += e.text("status-old-template", map[string]any{"n": old})
	}
	return row
}

func (e explainer) daemonSet(out *Object, ds *appsv1.DaemonSet) {
	want := ds.Status.DesiredNumberScheduled
	onDelete := ds.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
	out.Summary = e.text("daemonset", map[string]any{"n": int(want), "onDelete": onDelete})
	if out.Health, out.Status = e.replicas(&want, ds.Status.NumberReady); want == 0 {
		out.Status = e.text("status-no-node", nil)
	}
	asked := strconv.Itoa(int(want))
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, ds.Status.CurrentNumberScheduled, ds.Status.CurrentNumberScheduled >= want),
		e.updated(out, int(want), int(want), ds.Status.UpdatedNumberScheduled, onDelete),
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
