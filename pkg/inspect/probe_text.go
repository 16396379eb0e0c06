package inspect

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// describeProbe writes a probe's handler as one would say it: "GET http /healthz on port 8080".
func describeProbe(p *corev1.Probe) string {
	switch {
	case p == nil:
		return ""
	case p.HTTPGet != nil:
		scheme, path := strings.ToLower(string(p.HTTPGet.Scheme)), p.HTTPGet.Path
		if scheme == "" {
			scheme = "http"
		}
		return fmt.Sprintf("GET %s %s on port %s", scheme, path, p.HTTPGet.Port.String())
	case p.TCPSocket != nil:
		return "TCP connect to port " + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC health check on port %d", p.GRPC.Port)
	case p.Exec != nil:
		return "exec " + strings.Join(p.Exec.Command, " ")
	}
	return ""
}

// probeBudget is how long a container has from its start until a probe that
// never succeeds has failed often enough: the initial delay, then a period
// between each of the failures (prober/worker.go). Jitter and time-outs come on top.
func probeBudget(p *corev1.Probe) time.Duration {
	if p == nil {
		return 0
	}
	period, threshold := p.PeriodSeconds, p.FailureThreshold
	if period == 0 {
		period = 10
	}
	if threshold == 0 {
		threshold = 3
	}
	return time.Duration(p.InitialDelaySeconds+period*(threshold-1)) * time.Second
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

// probeFailure is the reason in the kubelet's message, without the pod's
// address, which differs from replica to replica:
// `Readiness probe failed: Get "http://10.1.2.3:8080/x": dial tcp 10.1.2.3:8080: connect: connection refused`.
func probeFailure(message string) string {
	_, reason, found := strings.Cut(message, "probe failed: ")
	if !found {
		_, reason, _ = strings.Cut(message, "probe errored") // newer kubelets add "and resulted in unknown state"
		_, reason, _ = strings.Cut(reason, ": ")
	}
	reason = firstLine(reason)
	if strings.HasPrefix(reason, "Get ") {
		if i := strings.LastIndex(reason, "\": "); i >= 0 {
			reason = reason[i+3:]
		}
	}
	if strings.HasPrefix(reason, "dial tcp") || strings.HasPrefix(reason, "read tcp") {
		if i := strings.Index(reason, ": "); i >= 0 {
			reason = reason[i+2:]
		}
	}
	return strings.TrimPrefix(strings.TrimSpace(reason), "connect: ")
}

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
