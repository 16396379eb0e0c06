package inspect

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// endedOtherwise are reasons of a failed pod that are no refusal: other rules
// tell them, or the node was shut down around a pod that had run.
func endedOtherwise() []string {
	return []string{"", "Evicted", "DeadlineExceeded", "Preempting", "NodeLost", "Terminated", "NodeShutdown", "Shutdown"}
}

// checkNodeRefused: a kubelet did not admit a pod that was given to its node
// (kubelet.go, rejectPod): the pod has failed, and none of its containers ever began.
func checkNodeRefused(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		began := slices.ContainsFunc(containers(pod), func(c container) bool { return c.died() != nil || c.status.State.Running != nil })
		if pod.Status.Phase != corev1.PodFailed || pod.Spec.NodeName == "" || slices.Contains(endedOtherwise(), pod.Status.Reason) || began {
			continue
		}
		f := podFinding(s, pod, map[string]any{"reason": pod.Status.Reason, "said": firstLine(pod.Status.Message)})
		f.Evidence = []finding.Evidence{seen(pod, "status.reason", words(pod.Status.Reason, pod.Status.Message))}
		out = append(out, graded(s, pod, f))
	}
	return out
}

// lookPatience is how long a scheduler may take to look at a pod for the first time.
const lookPatience = 30 * time.Second

// unseenPods are those that no scheduler has said anything of: the first thing
// that one writes is the condition PodScheduled, or the node itself.
func unseenPods(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil && placementCondition(pod) == nil && older(s, pod, lookPatience) {
			out = append(out, pod)
		}
	}
	return out
}

// checkSchedulerSilent: nobody has looked where the pod could go. Silent about
// pods for whose resource claims, or for whose group, a scheduler waits without a word.
func checkSchedulerSilent(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range unseenPods(s, sc) {
		if len(pod.Spec.ResourceClaims) > 0 || pod.Spec.SchedulingGroup != nil || s.Source != snapshot.FromCluster {
			continue
		}
		name := pod.Spec.SchedulerName
		f := podFinding(s, pod, map[string]any{"scheduler": name, "own": name == "" || name == corev1.DefaultSchedulerName})
		if f.Args["own"] == false { // it may have a queue of its own, of which it says nothing here
			f.Confidence = finding.Likely
		}
		f.Evidence = []finding.Evidence{seen(pod, "spec.schedulerName", name), seen(pod, "status.conditions[PodScheduled]", "(nobody has set it)")}
		out = append(out, f)
	}
	return out
}

// claimFailed is how the resource claim controller says that it cannot make a
// pod's claim (pkg/controller/resourceclaim/controller.go).
const claimFailed = "FailedResourceClaimCreation"

func resourceClaimNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	if slices.ContainsFunc(unseenPods(s, sc), func(pod *corev1.Pod) bool { return len(pod.Spec.ResourceClaims) > 0 }) {
		return eventNeeds(sc)
	}
	return snapshot.Needs{}
}

// checkResourceClaims: the scheduler waits for a pod's resource claims, which cannot be made.
func checkResourceClaims(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range unseenPods(s, sc) {
		events, _ := eventsAbout(s, pod)
		at := slices.IndexFunc(events, func(e *corev1.Event) bool { return e.Reason == claimFailed })
		if len(pod.Spec.ResourceClaims) == 0 || at < 0 {
			continue
		}
		f := podFinding(s, pod, map[string]any{"said": firstLine(events[at].Message)})
		f.Evidence = []finding.Evidence{eventEvidence(events[at])}
		out = append(out, f)
	}
	return out
}
