package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// containerReads are the kinds that every container rule looks at: the pods,
// the ReplicaSets that lead to their Deployment, and the events about them.
func containerReads() []snapshot.Kind { return []snapshot.Kind{"Pod", "ReplicaSet", "Job", eventKind} }

// containerRules find why a container that could be configured does not run, or runs and does not help.
func containerRules() []rule.Rule {
	reads := containerReads()
	return []rule.Rule{
		{ID: "container/crash-exit", Reads: reads, Needs: endNeeds, Check: endRule(crashFinding)},
		{ID: "container/oom-killed", Reads: reads, Needs: endNeeds, Check: endRule(oomFinding)},
		{ID: "container/command-not-found", Reads: reads, Needs: endNeeds, Check: endRule(commandFinding)},
		{ID: "container/completed-early", Reads: reads, Needs: endNeeds, Check: endRule(completedFinding)},
		{ID: "container/killed-by-liveness", Reads: reads, Needs: endNeeds, Check: endRule(livenessFinding)},
		{ID: "container/killed-by-startup", Reads: reads, Needs: endNeeds, Check: endRule(startupFinding)},
		{ID: "container/init-failed", Reads: reads, Needs: endNeeds, Check: endRule(initFinding)},
		{ID: "container/hook-failed", Reads: reads, Needs: endNeeds, Check: checkHooks},
		{ID: "container/not-ready-by-readiness", Reads: reads, Needs: endNeeds, Check: checkReadiness},
		{ID: "container/sidecar-not-started", Reads: reads, Needs: endNeeds, Check: checkSidecars},
		{ID: "container/run-as-non-root", Reads: reads, Check: checkNonRoot},
	}
}

// logLines is how much of the end of a log is read: enough for a stack trace's head line in most languages.
const logLines = 20

// shownLogs bounds how many logs are read, each a request of its own: of more
// causes than that, nobody is shown the details at once.
const shownLogs = 5

// trouble says whether the container is not, or was a moment ago not, as it should be.
func trouble(s *snapshot.Snapshot, c container) bool {
	t := c.died()
	if c.role == initial {
		return c.status.State.Terminated == nil || c.status.State.Terminated.ExitCode != 0
	}
	return !up(c) || c.status.RestartCount > 0 && t != nil && failing(s, c, t)
}

// endNeeds asks for the events where a placed pod has a container in trouble,
// and for the log of one container of each template and name that ended by itself.
func endNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	logs, troubled := endLogs(s, sc)
	if troubled {
		n.Add(eventNeeds(sc))
	}
	n.Logs = append(n.Logs, logs[:min(len(logs), shownLogs)]...)
	return n
}

// endLogs are the logs that would tell of the ends in the scope, one for each
// template and container; troubled says that some placed pod is not as it should be.
func endLogs(s *snapshot.Snapshot, sc *rule.Scope) (logs []snapshot.LogNeed, troubled bool) {
	seen := map[finding.Ref]bool{}
	eachRun(s, sc, func(pod *corev1.Pod, c container) {
		if pod.Spec.NodeName == "" || !trouble(s, c) {
			return
		}
		troubled = true
		owner := withContainer(rule.TemplateOwner(s, pod), c.spec.Name)
		t := c.died()
		if seen[owner] || t == nil || !failing(s, c, t) || t.ExitCode == 0 && !c.restarts(pod, 0) {
			return
		}
		seen[owner] = true
		logs = append(logs, logNeed(pod, c))
	})
	return logs, troubled
}

// logNeed is the log of the instance that ended: the previous one where the
// container runs again, else the newest.
func logNeed(pod *corev1.Pod, c container) snapshot.LogNeed {
	return snapshot.LogNeed{
		Namespace: pod.Namespace, Pod: pod.Name, Container: c.spec.Name,
		Previous: c.status.State.Running != nil, Lines: logLines,
	}
}

// ended is one container that ended, with all that a rule about it uses.
type ended struct {
	s   *snapshot.Snapshot
	pod *corev1.Pod
	c   container
	end ending
}

// endRule makes a check of a function that judges one ended container; nil means nothing to say.
func endRule(judge func(ended) *finding.Finding) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		eachRun(s, sc, func(pod *corev1.Pod, c container) {
			e := end(s, pod, c)
			if e.cause == notEnded || !failing(s, c, e.terminated) || c.role == initial && !trouble(s, c) {
				return
			}
			if f := judge(ended{s: s, pod: pod, c: c, end: e}); f != nil {
				if jobOf(s, pod) == jobTrying {
					f.Severity = finding.Warning // the Job tries again: it may yet succeed
				}
				out = append(out, *f)
			}
		})
		return out
	}
}

// finding begins a finding about the container: the template must change, it was seen on the pod.
func (e ended) finding() *finding.Finding {
	owner := rule.TemplateOwner(e.s, e.pod)
	f := &finding.Finding{
		Object: withContainer(owner, e.c.spec.Name), At: rule.RefTo(e.pod),
		Args: map[string]any{
			"container": e.c.spec.Name, "namespace": e.pod.Namespace, "owner": owner.String(),
			"role": string(e.c.role), "image": e.c.spec.Image, "settled": settled(e.s, e.c),
			"again": e.c.status.RestartCount > 0, // only then is there a previous log
		},
	}
	if settled(e.s, e.c) {
		f.Severity = finding.Warning // it runs and is ready again: it works, by luck
	}
	f.Evidence = e.evidence()
	return f
}

func (e ended) evidence() []finding.Evidence {
	pod := rule.RefTo(e.pod).String()
	var out []finding.Evidence
	if t := e.end.terminated; t != nil {
		out = append(out, terminatedEvidence(pod, e.c, t))
	}
	if reason, message := e.c.waiting(); reason != "" {
		out = append(out, finding.Evidence{Object: pod, Path: e.c.statusPath() + ".state.waiting", Value: words(reason, message)})
	}
	if e.end.event != nil {
		out = append(out, eventEvidence(e.end.event))
	}
	if lines, a := e.s.Log(logNeed(e.pod, e.c)); a.State == snapshot.Present && len(lines) > 0 {
		out = append(out, finding.Evidence{Object: pod, Path: "log " + e.c.spec.Name, Value: strings.Join(lines, "\n")})
	} else if t := e.end.terminated; t != nil && t.Message != "" && e.end.detail == "" {
		out = append(out, finding.Evidence{Object: pod, Path: e.c.statusPath() + ".message", Value: strings.TrimSpace(t.Message)})
	}
	return out
}

func words(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// eventEvidence quotes an event.
func eventEvidence(e *corev1.Event) finding.Evidence {
	return finding.Evidence{
		Object: strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name,
		Path:   "event " + e.Reason, Value: strings.TrimSpace(e.Message),
	}
}
