package inspect

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// describeProbe says what a container's probe does, "" for none.
func describeProbe(p *corev1.Probe, c container) string {
	if p == nil {
		return ""
	}
	return probe.Handler(p, c.spec)
}

// probeBudget is how long a container has from its start until a probe that
// never succeeds acts, at the least.
func probeBudget(p *corev1.Probe) time.Duration {
	if p == nil {
		return 0
	}
	return time.Duration(probe.Effective(p).FromStart().Earliest) * time.Second
}

// lastUnhealthy is the newest event in which the kubelet says how this kind of probe failed.
func lastUnhealthy(s *snapshot.Snapshot, pod *corev1.Pod, c container, kind string) *corev1.Event {
	events, _ := containerEvents(s, pod, c, "Unhealthy")
	for _, e := range events {
		if strings.HasPrefix(e.Message, kind+" probe ") {
			return e
		}
	}
	return nil
}

// probeSaid is what the kubelet says of a probe that failed, without the words of those who handed it on.
func probeSaid(e *corev1.Event) string { return runtimeWords(probe.Said(e.Message)) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func waitingFor(c container, reason string) bool {
	r, _ := c.waiting()
	return r == reason
}

// commandOf is what the pod asks to run; empty where the image's own command is used.
func commandOf(c container) string {
	return strings.Join(append(append([]string{}, c.spec.Command...), c.spec.Args...), " ")
}

// runtimeWords keeps of an OCI runtime's message the part that says what is
// wrong: `… exec: "nope": executable file not found in $PATH: unknown`.
func runtimeWords(message string) string {
	m := strings.TrimSuffix(firstLine(message), ": unknown")
	for _, mark := range []string{"unable to start container process: ", "failed to create shim task: ", "runc create failed: "} {
		if i := strings.LastIndex(m, mark); i >= 0 {
			return strings.TrimPrefix(m[i+len(mark):], "error during container init: ")
		}
	}
	return m
}
