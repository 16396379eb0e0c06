package inspect

import (
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// podRules find what befell a pod that had a node.
func podRules() []rule.Rule {
	plain := []snapshot.Kind{"Pod", "ReplicaSet"}
	return []rule.Rule{
		{ID: "pod/evicted", Reads: plain, Check: checkEvicted},
		{ID: "pod/preempted", Reads: plain, Check: checkPreempted},
		{ID: "pod/deadline-exceeded", Reads: plain, Check: checkPodDeadline},
		{ID: "pod/node-refused", Reads: plain, Check: checkNodeRefused},
		{ID: "pod/scheduler-silent", Reads: plain, Check: checkSchedulerSilent},
		{ID: "pod/resource-claim-missing", Reads: append(plain, eventKind), Needs: resourceClaimNeeds, Check: checkResourceClaims},
		{ID: "pod/readiness-gate", Reads: plain, Check: checkReadinessGates},
		{ID: "pod/sandbox-failed", Reads: append(plain, eventKind), Needs: sandboxNeeds, Check: checkSandbox},
		{ID: "pod/stuck-terminating", Reads: append(plain, "Node", eventKind), Needs: terminatingNeeds, Check: checkTerminating},
		{ID: "pod/node-lost", Reads: append(plain, "Node"), Needs: lostNodeNeeds, Check: checkNodeLost},
	}
}

func podFinding(s *snapshot.Snapshot, pod *corev1.Pod, args map[string]any) finding.Finding {
	owner := rule.TemplateOwner(s, pod)
	all := map[string]any{"namespace": pod.Namespace, "owner": owner.String(), "bare": owner == rule.RefTo(pod), "node": pod.Spec.NodeName}
	for k, v := range args {
		all[k] = v
	}
	return finding.Finding{Object: owner, At: rule.RefTo(pod), Args: all}
}

func podCondition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// freshEnd is how long the end of a pod whose controller has replaced it is
// more than a note.
const freshEnd = time.Hour

// graded: a pod that nothing replaces is gone; one that was replaced is a
// warning while it is fresh, and a note afterwards.
func graded(s *snapshot.Snapshot, pod *corev1.Pod, f finding.Finding) finding.Finding {
	if f.Args["bare"] == true {
		return f
	}
	f.Severity = finding.Warning
	if at := endedAt(pod); !at.IsZero() && s.TakenAt.Sub(at) > freshEnd {
		f.Severity = finding.Info
	}
	return f
}

func endedAt(pod *corev1.Pod) time.Time {
	if c := podCondition(pod, corev1.DisruptionTarget); c != nil {
		return c.LastTransitionTime.Time
	}
	var last time.Time
	for _, c := range containers(pod) {
		if t := c.status.State.Terminated; t != nil && t.FinishedAt.After(last) {
			last = t.FinishedAt.Time
		}
	}
	if last.IsZero() && pod.Status.StartTime != nil { // nothing of it ever ran
		return pod.Status.StartTime.Time
	}
	return last
}

// The kubelet's words (pkg/kubelet/eviction/helpers.go).
var lowOn = regexp.MustCompile(`low on resource: ([a-z-]+)`)

// checkEvicted: the kubelet ended the pod to save its node, or because the pod
// used more local storage than it may.
func checkEvicted(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if pod.Status.Phase != corev1.PodFailed || pod.Status.Reason != "Evicted" {
			continue
		}
		resource := ""
		if m := lowOn.FindStringSubmatch(pod.Status.Message); m != nil {
			resource = m[1]
		}
		f := podFinding(s, pod, map[string]any{"resource": resource, "said": firstLine(pod.Status.Message), "own": strings.Contains(pod.Status.Message, "limit")})
		f.Evidence = []finding.Evidence{seen(pod, "status.reason", words(pod.Status.Reason, pod.Status.Message))}
		out = append(out, graded(s, pod, f))
	}
	return out
}

// checkPreempted: the scheduler, or the kubelet for a critical pod, removed it
// to make room for a pod of higher priority (KEP-3329).
func checkPreempted(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		c := podCondition(pod, corev1.DisruptionTarget)
		byScheduler := c != nil && c.Status == corev1.ConditionTrue && c.Reason == corev1.PodReasonPreemptionByScheduler
		byKubelet := pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "Preempting"
		if !byScheduler && !byKubelet || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		said, path := pod.Status.Message, "status.reason"
		if byScheduler {
			said, path = c.Message, "status.conditions[DisruptionTarget]"
		}
		f := podFinding(s, pod, map[string]any{"said": said, "priority": int(priorityOf(pod)), "class": pod.Spec.PriorityClassName})
		f.Evidence = []finding.Evidence{seen(pod, path, said)}
		out = append(out, graded(s, pod, f))
	}
	return out
}

func priorityOf(pod *corev1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// checkPodDeadline: the pod ran for longer than its activeDeadlineSeconds.
func checkPodDeadline(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if pod.Status.Phase != corev1.PodFailed || pod.Status.Reason != "DeadlineExceeded" {
			continue
		}
		seconds := 0
		if d := pod.Spec.ActiveDeadlineSeconds; d != nil {
			seconds = int(*d)
		}
		f := podFinding(s, pod, map[string]any{"seconds": seconds})
		f.Evidence = []finding.Evidence{seen(pod, "status.reason", words(pod.Status.Reason, pod.Status.Message))}
		out = append(out, graded(s, pod, f))
	}
	return out
}

// gatePatience is how long what opens a readiness gate may take.
const gatePatience = 15 * time.Second

// checkReadinessGates: all containers are ready, and a condition that somebody
// else sets is not true (KEP-580).
func checkReadinessGates(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range livePods(s, sc) {
		ready := podCondition(pod, corev1.ContainersReady)
		if ready == nil || ready.Status != corev1.ConditionTrue || s.TakenAt.Sub(ready.LastTransitionTime.Time) < gatePatience {
			continue
		}
		var closed []string
		var evidence []finding.Evidence
		for _, g := range pod.Spec.ReadinessGates {
			c := podCondition(pod, g.ConditionType)
			if c != nil && c.Status == corev1.ConditionTrue {
				continue
			}
			value := "(nobody has set it)"
			if c != nil {
				value = string(c.Status) + " " + words(c.Reason, c.Message)
			}
			closed = append(closed, string(g.ConditionType))
			evidence = append(evidence, seen(pod, "status.conditions["+string(g.ConditionType)+"]", value))
		}
		if len(closed) == 0 {
			continue
		}
		f := podFinding(s, pod, map[string]any{"gates": strings.Join(closed, ", "), "n": len(closed)})
		f.Evidence = evidence
		out = append(out, f)
	}
	return out
}
