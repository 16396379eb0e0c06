package inspect

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// configError is how the kubelet says that it cannot put a container's
// configuration together, environment included (kuberuntime.ErrCreateContainerConfig).
const configError = "CreateContainerConfigError"

// mountGrace is how long a pod that was just placed may spend on its volumes
// without anyone asking why.
const mountGrace = 5 * time.Second

// freshEvent is how long an event about a mount tells of now: the kubelet
// tries again at most every 2 min 2 s (goroutinemap/exponentialbackoff).
const freshEvent = 3 * time.Minute

// neededNow lists the references that a pod in trouble waits for, or will wait
// for next: those of containers that have not started, and the volumes where
// they are not mounted yet. A pod that is well, or unwell for another reason,
// has none, so that nothing is read for it.
func neededNow(s *snapshot.Snapshot, pod *corev1.Pod) []reference {
	mounting := mountFailed(s, pod)
	misconfigured := false
	waits := map[string]bool{}
	for _, c := range containers(pod) {
		reason, _ := c.waiting()
		misconfigured = misconfigured || reason == configError
		waits[c.spec.Name] = c.status.State.Running == nil && c.status.State.Terminated == nil &&
			(reason == "" || reason == configError || creating(reason))
	}
	if !mounting && !misconfigured {
		return nil
	}
	var out []reference
	for _, r := range references(pod) {
		if !r.optional && (r.mounted() && mounting || !r.mounted() && waits[r.container]) {
			out = append(out, r)
		}
	}
	return out
}

func creating(reason string) bool {
	return reason == "ContainerCreating" || reason == "PodInitializing"
}

// mountPending says that the kubelet has taken the pod on a while ago and no
// container of it has started. Volumes come before the sandbox, so a pod whose
// sandbox is there (PodReadyToStartContainers, KEP-3085) has its volumes.
func mountPending(s *snapshot.Snapshot, pod *corev1.Pod) bool {
	if pod.Spec.NodeName == "" || pod.Status.StartTime == nil || s.TakenAt.Sub(pod.Status.StartTime.Time) < mountGrace {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionTrue {
			return false
		}
	}
	for _, c := range containers(pod) {
		if reason, _ := c.waiting(); !creating(reason) || c.status.LastTerminationState.Terminated != nil {
			return false
		}
	}
	return true
}

// mountFailed says that a pod waits for its volumes and that the kubelet
// complained of one that holds a ConfigMap or Secret, or that its complaints could not be read.
func mountFailed(s *snapshot.Snapshot, pod *corev1.Pod) bool {
	if !mountPending(s, pod) {
		return false
	}
	events, answer := eventsAbout(s, pod)
	if answer.State != snapshot.Present && answer.Why != notRead {
		return true
	}
	for _, e := range events {
		if e.Reason != "FailedMount" {
			continue
		}
		for _, r := range references(pod) {
			if r.mounted() && !r.optional && strings.Contains(e.Message, r.volume) {
				return true
			}
		}
	}
	return false
}

// configNeeds asks for the events of pods that may wait for a volume, then for
// the ConfigMaps and Secrets of pods in trouble.
func configNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, pod := range livePods(s, sc) {
		if n.Objects == nil && mountPending(s, pod) && mountsConfig(pod) {
			n.Add(eventNeeds(sc))
		}
	}
	n.Add(lookupNeeds(s, sc))
	return n
}

func mountsConfig(pod *corev1.Pod) bool {
	for _, r := range references(pod) {
		if r.mounted() && !r.optional {
			return true
		}
	}
	return false
}
