package inspect

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkReadiness: the container runs, has started, and its readiness probe
// keeps it out of its Services. Silent while the probe has not had the time to
// fail, and where the container ended lately: then that is the cause.
func checkReadiness(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachContainer(s, sc, func(pod *corev1.Pod, c container) {
		run, p := c.status.State.Running, c.spec.ReadinessProbe
		if p == nil || run == nil || c.status.Ready || c.status.Started != nil && !*c.status.Started {
			return
		}
		e := end(s, pod, c)
		if e.cause != notEnded && failing(s, c, e.terminated) {
			return
		}
		event := lastUnhealthy(s, pod, c, "Readiness")
		if up := s.TakenAt.Sub(run.StartedAt.Time); up < probeBudget(p)+startSlack {
			return
		}
		f := ended{s: s, pod: pod, c: c}.finding()
		f.Args["probe"], f.Args["failure"] = describeProbe(p, c), ""
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: c.statusPath() + ".ready", Value: "false"})
		if event != nil {
			f.Args["failure"] = probeSaid(event)
			f.Evidence = append(f.Evidence, eventEvidence(event))
		}
		out = append(out, *f)
	})
	return out
}

// startSlack is granted to a container beyond its probe's arithmetic before it counts as stuck.
const startSlack = 5 * time.Second

// sidecarPatience is how long a native sidecar may take to start before it is
// named as what the other containers wait for.
const sidecarPatience = 30 * time.Second

// checkSidecars: a native sidecar runs but its startup probe has not passed, so
// the containers behind it wait (KEP-753). Silent where it was killed or
// crashed lately: then that is the cause.
func checkSidecars(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachContainer(s, sc, func(pod *corev1.Pod, c container) {
		run := c.status.State.Running
		if c.role != sidecar || run == nil || c.status.Started == nil || *c.status.Started || initialized(pod) {
			return
		}
		e := end(s, pod, c)
		if e.cause != notEnded && failing(s, c, e.terminated) || s.TakenAt.Sub(run.StartedAt.Time) < sidecarPatience {
			return
		}
		f := ended{s: s, pod: pod, c: c}.finding()
		f.Args["probe"], f.Args["failure"] = describeProbe(c.spec.StartupProbe, c), ""
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: c.statusPath() + ".started", Value: "false"})
		if event := lastUnhealthy(s, pod, c, "Startup"); event != nil {
			f.Args["failure"] = probeSaid(event)
			f.Evidence = append(f.Evidence, eventEvidence(event))
		}
		out = append(out, *f)
	})
	return out
}

func initialized(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodInitialized {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// checkNonRoot: the pod demands a user other than root and the image does not
// promise one (kuberuntime/security_context_others.go, verifyRunAsNonRoot).
func checkNonRoot(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachContainer(s, sc, func(pod *corev1.Pod, c container) {
		reason, message := c.waiting()
		if reason != "CreateContainerConfigError" {
			return
		}
		var variant string
		switch {
		case strings.Contains(message, "image will run as root"):
			variant = "root"
		case strings.Contains(message, "non-numeric user"):
			variant = "name"
		case strings.Contains(message, "breaks non-root policy"):
			variant = "zero"
		default:
			return
		}
		f := ended{s: s, pod: pod, c: c}.finding()
		f.Args["variant"] = variant
		out = append(out, *f)
	})
	return out
}

// checkHooks: a postStart hook failed, which kills the container, or a preStop
// hook failed, which cuts the drain short.
func checkHooks(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	out := endRule(func(e ended) *finding.Finding {
		if e.end.cause != hookFailure {
			return nil
		}
		f := e.finding()
		f.Args["hook"], f.Args["detail"] = "postStart", firstLine(e.end.detail)
		if e.end.assumed {
			f.Confidence = finding.Likely
		}
		return f
	})(s, sc)
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		for _, c := range containers(pod) {
			events, _ := containerEvents(s, pod, c, "FailedPreStopHook")
			if len(events) == 0 || s.TakenAt.Sub(rule.LastSeen(events[0])) > recent {
				continue
			}
			f := ended{s: s, pod: pod, c: c}.finding()
			f.Severity = finding.Warning
			f.Args["hook"], f.Args["detail"], f.Args["settled"] = "preStop", "", false
			f.Evidence = []finding.Evidence{eventEvidence(events[0])}
			out = append(out, *f)
		}
	}
	return out
}
