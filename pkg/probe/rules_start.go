package probe

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// startRules find probes that do not fit how long a container takes to start.
func startRules() []rule.Rule {
	return []rule.Rule{
		ofContainer("probe/missing-startup", func(v *view, sub *subject, c container) *finding.Finding {
			if c.has(Startup) || !c.has(Liveness) {
				return nil
			}
			return v.slowStart(sub, c, Liveness)
		}),
		ofContainer("probe/startup-too-short", func(v *view, sub *subject, c container) *finding.Finding {
			if !c.has(Startup) {
				return nil
			}
			return v.slowStart(sub, c, Startup)
		}),
		ofSubject("probe/kills-during-deploy", checkDeadline),
	}
}

// tight is the part of the guaranteed budget from which on a start-up that was
// seen leaves too little of it: a cold node or a busy one takes that much longer.
const tight = 0.7

// slowStart compares the slowest start-up seen with what the probe guarantees.
// Error: it was slow, and containers are being killed in their start. Warning: it
// was slower than guaranteed, and lived by the luck of the kubelet's rhythm.
// Info: it came near. Silent where every start was seen to be fast enough, or none was.
func (v *view) slowStart(sub *subject, c container, t Type) *finding.Finding {
	worst, ok := slowest(v.samples(sub, c))
	budget := c.values(t).FromStart()
	if !ok || float64(worst.low) < tight*float64(budget.Earliest) || worst.low == 0 {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["seen"], f.Args["guaranteed"], f.Args["maximum"] = worst.low, budget.Earliest, budget.Latest
	f.Args["over"], f.Args["killed"] = worst.low >= budget.Earliest, 0
	enough := threshold(c.values(t), 2*worst.high)
	f.Args["threshold"], f.Args["patch"] = enough, sub.patchContainer(c, set(t, change{string(FailureThreshold): enough}))
	f.At, f.Also = rule.RefTo(worst.pod), nil
	for _, pod := range sub.pods {
		if pod != worst.pod {
			f.Also = append(f.Also, rule.RefTo(pod))
		}
	}
	f.Evidence = append(f.Evidence, sub.numbers(c, t), worst.evidence(c))
	if worst.event != nil {
		f.Evidence = append(f.Evidence, quote(worst.event))
	}
	f.Severity = finding.Info
	if worst.low >= budget.Earliest {
		f.Severity = finding.Warning
	}
	if n, kill := v.killedInStart(sub, c, t); n > 0 {
		f.Severity, f.Args["killed"] = finding.Error, n
		f.Evidence = append(f.Evidence, kill)
	}
	return f
}

// evidence says when the sample's container started and got ready.
func (s sample) evidence(c container) finding.Evidence {
	status, _ := c.status(s.pod)
	ready := condition(s.pod, "ContainersReady")
	return finding.Evidence{
		Object: rule.RefTo(s.pod).String(), Path: c.statusPath(),
		Value: fmt.Sprintf("started %s, ready %s: %d s to %d s", clock(status.State.Running.StartedAt.Time), clock(ready.LastTransitionTime.Time), s.low, s.high),
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// killedInStart counts the pods whose container the kubelet ended of late for
// this probe, in the time in which it still started.
func (v *view) killedInStart(sub *subject, c container, t Type) (int, finding.Evidence) {
	n, last := 0, finding.Evidence{}
	values := c.values(t)
	most := time.Duration(values.FromStart().plus(stopping(values.grace(sub.spec), PreStop(c.spec))).Latest)*time.Second + settle
	for _, pod := range sub.pods {
		_, kill := v.newest(pod, c, t)
		status, _ := c.status(pod)
		died := status.LastTerminationState.Terminated
		if kill == nil || died == nil || died.FinishedAt.Sub(died.StartedAt.Time) > most {
			continue
		}
		n++
		last = quote(kill)
	}
	return n, last
}

// threshold is the failureThreshold with which a probe guarantees so many seconds.
func threshold(v Values, seconds int) int {
	return max(v.FailureThreshold, (seconds-v.InitialDelaySeconds+v.PeriodSeconds-1)/v.PeriodSeconds+1)
}

// defaultDeadline is a Deployment's progressDeadlineSeconds where none is written.
const defaultDeadline = 600

// spareDeadline is added to the time that a start may take: for scheduling, pulling and the like.
const spareDeadline = 60

// checkDeadline: a new pod may take longer to start, by its own probes, than
// the Deployment waits before it calls the rollout failed.
func checkDeadline(_ *view, sub *subject) []finding.Finding {
	d, ok := sub.object.(*appsv1.Deployment)
	if !ok {
		return nil
	}
	deadline := defaultDeadline
	if n := d.Spec.ProgressDeadlineSeconds; n != nil {
		deadline = int(*n)
	}
	var out []finding.Finding
	for _, c := range containers(sub.spec) {
		budget, bound := c.budget()
		earliest := 0
		if c.has(Readiness) {
			earliest = c.values(Readiness).InitialDelaySeconds
		}
		if c.has(Startup) {
			earliest = max(earliest, c.values(Startup).InitialDelaySeconds)
		}
		never := earliest+int(d.Spec.MinReadySeconds) >= deadline
		if !never && (!bound || budget.Latest <= deadline) {
			continue
		}
		f := sub.finding(c)
		f.Args["deadline"], f.Args["maximum"], f.Args["guaranteed"] = deadline, budget.Latest, budget.Earliest
		f.Args["never"], f.Args["earliest"], f.Args["name"] = never, earliest+int(d.Spec.MinReadySeconds), d.Name
		f.Args["patch"] = sub.command(change{"spec": change{"progressDeadlineSeconds": max(budget.Latest, earliest+int(d.Spec.MinReadySeconds)) + spareDeadline}})
		if never {
			f.Severity = finding.Error
		}
		for _, t := range []Type{Startup, Readiness, Liveness} {
			if c.has(t) && (t != Liveness || !c.has(Startup)) {
				f.Evidence = append(f.Evidence, sub.numbers(c, t))
			}
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: sub.read.String(), Path: "spec.progressDeadlineSeconds", Value: fmt.Sprint(deadline)})
		out = append(out, *f)
	}
	return out
}
