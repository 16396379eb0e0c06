package quota

import (
	corev1 "k8s.io/api/core/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// tally adds up pods.
type tally struct {
	pods int
	// measured is of how many of them the metrics API had a sample.
	measured                         int
	requests, limits, usage, charged corev1.ResourceList
	// last is the pod that was reckoned last, and what came out.
	last                               *corev1.Pod
	lastRequests, lastLimits, lastUsed corev1.ResourceList
}

func newTally() *tally {
	return &tally{requests: corev1.ResourceList{}, limits: corev1.ResourceList{}, usage: corev1.ResourceList{}, charged: corev1.ResourceList{}}
}

// add counts a pod by the rules of the basis, with what it uses if that was measured.
func (t *tally) add(s *snapshot.Snapshot, pod *corev1.Pod, basis Basis) {
	t.pods++
	if !alike(t.last, pod) {
		t.last, t.lastRequests, t.lastLimits, t.lastUsed = pod, Requests(pod, basis), Limits(pod, basis), Requests(pod, Charged)
	}
	addTo(t.requests, t.lastRequests)
	addTo(t.limits, t.lastLimits)
	addTo(t.charged, t.lastUsed)
	if m, a := snapshot.Get[*metricsv1beta1.PodMetrics](s, pod.Namespace, pod.Name); a.State == snapshot.Present {
		t.measured++
		for _, c := range m.Containers {
			addTo(t.usage, c.Usage)
		}
	}
}

// join adds up two tallies.
func (t *tally) join(other *tally) {
	t.pods += other.pods
	t.measured += other.measured
	addTo(t.requests, other.requests)
	addTo(t.limits, other.limits)
	addTo(t.usage, other.usage)
	addTo(t.charged, other.charged)
}
