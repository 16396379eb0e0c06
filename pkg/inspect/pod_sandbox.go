package inspect

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// sandboxReason is the kubelet's word for it (pkg/kubelet/events). Its message holds the id of the sandbox that failed.
const sandboxReason = "FailedCreatePodSandBox"

func sandboxNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	for _, pod := range livePods(s, sc) {
		if mountPending(s, pod) {
			return eventNeeds(sc)
		}
	}
	return snapshot.Needs{}
}

// checkSandbox: the runtime cannot make the pod's sandbox: its network, its
// runtime class. Once or twice is usual while a node's network starts.
func checkSandbox(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range livePods(s, sc) {
		if !mountPending(s, pod) {
			continue
		}
		events, _ := eventsAbout(s, pod)
		newest := slices.IndexFunc(events, func(e *corev1.Event) bool { return e.Reason == sandboxReason })
		if newest >= 0 && repetitions(events, sandboxReason) > usualFailures && s.TakenAt.Sub(rule.LastSeen(events[newest])) < freshEvent {
			out = append(out, sandboxFinding(s, pod, events[newest]))
		}
	}
	return out
}

func sandboxFinding(s *snapshot.Snapshot, pod *corev1.Pod, e *corev1.Event) finding.Finding {
	class := ""
	if c := pod.Spec.RuntimeClassName; c != nil {
		class = *c
	}
	f := podFinding(s, pod, map[string]any{"said": sandboxWords(e.Message), "runtime": "", "network": networkWords(e.Message)})
	f.Evidence = []finding.Evidence{eventEvidence(e)}
	if class != "" && strings.Contains(e.Message, "no runtime for") {
		f.Args["runtime"] = class
		f.Via = []finding.Ref{{Kind: "RuntimeClass", Name: class}}
		return f
	}
	f.Object = finding.Ref{Kind: "Node", Name: pod.Spec.NodeName}
	f.Via = []finding.Ref{f.Object}
	return f
}

// sandboxWords leaves out the runtime's preamble.
func sandboxWords(message string) string {
	said := firstLine(message)
	for _, preamble := range []string{"desc = ", "Failed to create pod sandbox: "} {
		if _, rest, ok := strings.Cut(said, preamble); ok {
			return rest
		}
	}
	return said
}

func networkWords(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "failed to setup network") || strings.Contains(m, "failed to set up sandbox") || strings.Contains(m, "cni")
}
