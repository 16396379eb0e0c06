package inspect

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// A Job's failed pods are not replaced leftovers like those of other
// controllers: they are its record of why it fails, until it succeeds.

// jobState is how the Job fares that a failed pod belongs to.
type jobState string

const (
	noJob      jobState = ""
	jobTrying  jobState = "trying"
	jobGivenUp jobState = "given up"
	jobDone    jobState = "done"
)

// jobOf looks at the Job of a failed pod; noJob for any other pod, and where the Job was not read.
func jobOf(s *snapshot.Snapshot, pod *corev1.Pod) jobState {
	owner := metav1.GetControllerOfNoCopy(pod)
	if pod.Status.Phase != corev1.PodFailed || owner == nil || owner.Kind != "Job" {
		return noJob
	}
	job, a := snapshot.Get[*batchv1.Job](s, pod.Namespace, owner.Name)
	if a.State != snapshot.Present {
		return noJob
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobSuccessCriteriaMet:
			return jobDone
		case batchv1.JobFailed, batchv1.JobFailureTarget:
			return jobGivenUp
		case batchv1.JobSuspended:
		}
	}
	return jobTrying
}

// eachRun visits what eachContainer does, and the failed pods of Jobs that have not succeeded.
func eachRun(s *snapshot.Snapshot, sc *rule.Scope, visit func(*corev1.Pod, container)) {
	eachContainer(s, sc, visit)
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if state := jobOf(s, pod); pod.DeletionTimestamp != nil || endedFromOutside(pod) || state != jobTrying && state != jobGivenUp {
			continue
		}
		for _, c := range containers(pod) {
			visit(pod, c)
		}
	}
}
