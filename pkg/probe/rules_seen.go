package probe

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// seenRules find probes that fail now, and those that are about to.
func seenRules() []rule.Rule {
	return []rule.Rule{
		ofProbe("probe/timeout-too-tight", checkTimeout),
		ofProbe("probe/throttled", checkThrottled),
		ofProbe("probe/redirects-away", checkRedirect),
		ofSubject("probe/failing-now", checkFailing),
	}
}

// short is a timeout that a moment without processor time uses up.
const short = 1

// checkTimeout: answers were seen to come too late; or the command is one that
// takes longer to start than it is given; or the kubelet has counted many answers
// that passed and needed most of their time.
func checkTimeout(v *view, sub *subject, c container, t Type) *finding.Finding {
	values, command := c.values(t), slowCommand(c.probe(t))
	s := v.failing(sub, c, t)
	late := s != nil && s.fault == lateAnswer
	counts := v.counted(sub, c, t)
	near := counts.slow(values.TimeoutSeconds)
	known := command != "" && values.TimeoutSeconds <= short
	if (late || near != nil) && squeezed(c) || !late && !known && near == nil {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["timeout"], f.Args["late"], f.Args["command"] = values.TimeoutSeconds, late, command
	near.tell(f)
	f.Args["times"], f.Args["better"], f.Args["patch"] = 0, ampler(values), sub.longer(c, t)
	f.Confidence = finding.Likely
	f.Evidence = append(f.Evidence, sub.numbers(c, t))
	if command != "" {
		f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+".exec.command", "%s", strings.Join(c.probe(t).Exec.Command, " ")))
	}
	f.Evidence = append(f.Evidence, counts.evidence(c.spec.Name, t)...)
	if !late {
		if near != nil {
			f.Confidence, f.Severity = finding.Certain, finding.Info // they were counted, and passed
		}
		return f
	}
	f.Severity, f.Confidence, f.Args["times"] = s.severity(), finding.Certain, times(s.event)
	return on(f, s)
}

// ampler is a timeout that leaves room: three times what was too little, five seconds at the least.
func ampler(v Values) int { return max(5, 3*v.TimeoutSeconds) }

// longer is the command that gives the probe such a timeout, and no shorter a period.
func (sub *subject) longer(c container, t Type) string {
	v := c.values(t)
	fields := change{string(Timeout): ampler(v)}
	if v.PeriodSeconds < ampler(v) {
		fields[string(Period)] = ampler(v)
	}
	return sub.patchContainer(c, set(t, fields))
}

// A limit this low gives a container ten milliseconds in every hundred
// (cpu.cfs_period_us), or less: an answer that needs a tenth of a second of
// processor time takes a whole one.
func squeezedLimit() resource.Quantity { return resource.MustParse("100m") }

// squeezed says that the container's CPU limit is so low that a slow answer is its doing.
func squeezed(c container) bool {
	limit, ok := c.spec.Resources.Limits[corev1.ResourceCPU]
	return ok && limit.Cmp(squeezedLimit()) <= 0
}

// checkThrottled: a very low CPU limit beside a short timeout. A hint, until
// answers are seen to come too late.
func checkThrottled(v *view, sub *subject, c container, t Type) *finding.Finding {
	values := c.values(t)
	s := v.failing(sub, c, t)
	late := s != nil && s.fault == lateAnswer
	counts := v.counted(sub, c, t)
	near := counts.slow(values.TimeoutSeconds)
	if !squeezed(c) || !late && near == nil && values.TimeoutSeconds > short {
		return nil
	}
	limit := c.spec.Resources.Limits[corev1.ResourceCPU]
	f := sub.probeFinding(c, t)
	f.Args["limit"], f.Args["timeout"], f.Args["late"] = limit.String(), values.TimeoutSeconds, late
	f.Args["share"], f.Args["better"], f.Args["patch"] = int(limit.MilliValue()/10), ampler(values), sub.longer(c, t)
	near.tell(f)
	f.Confidence, f.Severity = finding.Possible, finding.Info
	f.Evidence = append(f.Evidence, sub.written(c.path()+".resources.limits.cpu", "%s", limit.String()), sub.numbers(c, t))
	f.Evidence = append(f.Evidence, counts.evidence(c.spec.Name, t)...)
	if !late {
		if near != nil {
			f.Confidence = finding.Likely
		}
		return f
	}
	f.Confidence, f.Severity = finding.Likely, s.severity()
	return on(f, s)
}

// checkRedirect: a redirect to another host name ends a run as passed, with a
// warning that nobody reads (pkg/probe/http, RedirectChecker): whatever is there, it passes.
func checkRedirect(v *view, sub *subject, c container, t Type) *finding.Finding {
	s := v.sightOf(sub, func(pod *corev1.Pod) []*corev1.Event { return byProbe(v.about(pod, c, probeWarning), t) },
		func(message string) bool { return strings.Contains(message, "terminated redirects") })
	if s == nil {
		return nil
	}
	return on(sub.probeFinding(c, t), s)
}

// checkFailing: a probe fails now, and no other rule says why.
func checkFailing(v *view, sub *subject) []finding.Finding {
	var out []finding.Finding
	for _, c := range sub.containers() {
		for _, t := range Types() {
			if !c.has(t) {
				continue
			}
			s := v.failing(sub, c, t)
			if s == nil || explained(v, sub, c, t, s) {
				continue
			}
			f := sub.probeFinding(c, t)
			f.Severity = s.severity()
			f.Args["reason"], f.Args["out"], f.Args["killed"], f.Args["failing"], f.Args["of"] = "", s.out, s.killed, len(s.pods), len(sub.pods)
			if s.event != nil {
				f.Args["reason"] = Said(s.event.Message)
			}
			lived, inStart := v.endedInStart(sub, c, t, s)
			f.Args["inStart"], f.Args["lived"], f.Args["guaranteed"] = inStart, lived, c.values(t).FromStart().Earliest
			f.Evidence = append(f.Evidence, readiness(s, c, t)...)
			f.Evidence = append(f.Evidence, v.countedEvidence(sub, c, t)...)
			out = append(out, *on(f, s))
		}
	}
	return out
}

// endedInStart says that liveness ended the container before it was ready once,
// as far as can be told: nothing guards its start but this probe, its last life
// was no longer than the probe leaves a container that never passes, and it is
// not ready now. And how many seconds that life had.
func (v *view) endedInStart(sub *subject, c container, t Type, s *sight) (lived int, ok bool) {
	if t != Liveness || c.has(Startup) || s.kill == nil {
		return 0, false
	}
	n, _ := v.killedInStart(sub, c, t)
	status, _ := c.status(s.pods[0])
	died := status.LastTerminationState.Terminated
	if n == 0 || died == nil || status.Ready {
		return 0, false
	}
	return int(died.FinishedAt.Sub(died.StartedAt.Time) / time.Second), true
}

// readiness is the status of a container that its probe keeps out.
func readiness(s *sight, c container, t Type) []finding.Evidence {
	if t != Readiness || s.out == 0 {
		return nil
	}
	return []finding.Evidence{{Object: rule.RefTo(s.pods[0]).String(), Path: c.statusPath() + ".ready", Value: "false"}}
}

// explained says whether another rule tells why the probe fails.
func explained(v *view, sub *subject, c container, t Type, s *sight) bool {
	switch {
	case c.added:
		return false
	case s.fault == lateAnswer:
		return true
	case s.killed > 0 && (t == Startup || !c.has(Startup)) && v.slowStart(sub, c, t) != nil:
		return true
	}
	for _, cause := range []func(*view, *subject, container, Type) *finding.Finding{checkPortName, checkBinary, checkGRPCTLS, checkHost} {
		if cause(v, sub, c, t) != nil {
			return true
		}
	}
	return s.fault == refused && checkPortUnused(v, sub, c, t) != nil
}
