package inspect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// configError is how the kubelet says that it cannot put a container's
// configuration together, environment included (kuberuntime.ErrCreateContainerConfig).
const configError = "CreateContainerConfigError"

// rootCertificates is the ConfigMap that a controller puts into every
// namespace and that admission mounts into every pod. It is looked at only
// where the kubelet misses it, not with every other volume.
const rootCertificates = "kube-root-ca.crt"

// mountGrace is how long a pod that was just placed may spend on its volumes
// without anyone asking why.
const mountGrace = 5 * time.Second

// freshEvent is how long an event about a mount tells of now: the kubelet
// tries again at most every 2 min 2 s (goroutinemap/exponentialbackoff).
const freshEvent = 3 * time.Minute

// neededNow lists the references that a pod in trouble waits for, or will wait
// for next: those of containers that have not started, and the volumes where
// they are not mounted yet. What the kubelet complains of now comes first. A pod
// that is well, or unwell for another reason, has none, so that nothing is read for it.
func neededNow(s *snapshot.Snapshot, pod *corev1.Pod) []reference {
	mounting := mountFailed(s, pod)
	misconfigured, said := false, ""
	waits := map[string]bool{}
	for _, c := range containers(pod) {
		reason, message := c.waiting()
		if reason == configError {
			misconfigured, said = true, said+message
		}
		waits[c.spec.Name] = c.status.State.Running == nil && c.status.State.Terminated == nil &&
			(reason == "" || reason == configError || creating(reason))
	}
	if !mounting && !misconfigured {
		return nil
	}
	var out []reference
	for _, r := range references(pod) {
		switch {
		case r.optional:
		case r.mounted() && mounting && (r.name != rootCertificates || complainedOf(s, pod, r.volume)):
			out = append(out, r)
		case !r.mounted() && waits[r.container]:
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y reference) int {
		switch named, other := strings.Contains(said, x.name), strings.Contains(said, y.name); {
		case named && !other:
			return -1
		case other && !named:
			return 1
		}
		return 0
	})
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
	if answer.State != snapshot.Present && !answer.NotRead() {
		return true
	}
	for _, r := range references(pod) {
		if r.mounted() && !r.optional && namesVolume(events, r.volume) {
			return true
		}
	}
	return false
}

// complainedOf says whether the kubelet reports trouble with this volume.
func complainedOf(s *snapshot.Snapshot, pod *corev1.Pod, volume string) bool {
	events, _ := eventsAbout(s, pod)
	return namesVolume(events, volume)
}

func namesVolume(events []*corev1.Event, volume string) bool {
	return slices.ContainsFunc(events, func(e *corev1.Event) bool {
		return e.Reason == "FailedMount" && strings.Contains(e.Message, volume)
	})
}

// configNeeds asks for the events of pods that may wait for a volume, then for
// the ConfigMaps and Secrets of pods in trouble.
func (v *survey) configNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	v = v.of(s, sc)
	var n snapshot.Needs
	if v.pending {
		n.Add(s.Missing(eventNeeds(sc)))
	}
	n.Add(v.lookups)
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
