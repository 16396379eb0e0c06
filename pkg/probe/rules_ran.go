package probe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const loopbackOnly = "probe/loopback-only"

// ranRules are the ids that only a run can find.
func ranRules() []string { return []string{loopbackOnly} }

// ranFindings are what the answers show. One probe of a template is judged
// once, over all its pods that were asked.
func (v *view) ranFindings(answers []Answer, later map[finding.Ref]*corev1.Pod) []finding.Finding {
	var out []finding.Finding
	add := func(id string, f *finding.Finding) bool {
		if f != nil {
			f.Rule = id
			out = append(out, *f)
		}
		return f != nil
	}
	for _, same := range byProbeOf(answers) {
		q := same[0].Question
		switch {
		case add("probe/port-name-unresolved", checkPortName(v, q.sub, q.own, q.Type)):
		case add(loopbackOnly, v.checkLoopback(same, later)):
		case add("probe/exec-missing-binary", v.ranMissing(same)):
		default:
			add("probe/failing-now", v.ranFailing(same))
		}
		add("probe/redirects-away", ranRedirect(same))
	}
	return out
}

// byProbeOf puts the answers about the same probe of the same template together, in their order.
func byProbeOf(answers []Answer) [][]Answer {
	type key struct {
		sub       *subject
		container string
		t         Type
	}
	at := map[key]int{}
	var out [][]Answer
	for _, a := range answers {
		if a.Question.Skip != "" || len(a.Samples) == 0 {
			continue
		}
		k := key{a.Question.sub, a.Question.Container.Name, a.Question.Type}
		if i, ok := at[k]; ok {
			out[i] = append(out[i], a)
			continue
		}
		at[k] = len(out)
		out = append(out, []Answer{a})
	}
	return out
}

// those begins a finding about a probe, seen on the pods of some of the answers.
func those(bad []Answer) *finding.Finding {
	q := bad[0].Question
	f := q.sub.probeFinding(q.own, q.Type)
	f.Args["pod"] = q.Pod.Name
	f.At, f.Count, f.Also = rule.RefTo(q.Pod), len(bad), nil
	for _, a := range bad[1:] {
		f.Also = append(f.Also, rule.RefTo(a.Question.Pod))
	}
	f.Confidence = finding.Certain
	return f
}

func keep(answers []Answer, want func(Answer) bool) []Answer {
	var out []Answer
	for _, a := range answers {
		if want(a) {
			out = append(out, a)
		}
	}
	return out
}

// ranFailing: runs of the probe failed just now. A container that has not had
// the time to start fails as it should, and one failure of many is a hiccup.
func (v *view) ranFailing(answers []Answer) *finding.Finding {
	bad := keep(answers, func(a Answer) bool {
		return 2*a.count(Failure) >= len(a.Samples) && a.count(Failure) > 0 && v.due(a.Question)
	})
	if len(bad) == 0 {
		return nil
	}
	f := those(bad)
	f.Severity = finding.Warning
	out := 0
	for _, a := range bad {
		status, _ := a.Question.own.status(a.Question.Pod)
		if a.Question.Type == Readiness && !status.Ready {
			out++
		}
		if a.count(Failure) == len(a.Samples) {
			f.Severity = finding.Error
		}
	}
	_, reason := bad[0].verdict()
	f.Args["reason"], f.Args["out"], f.Args["killed"], f.Args["failing"], f.Args["of"] = Said("probe failed: "+reason), out, 0, len(bad), len(answers)
	f.Evidence = append(f.Evidence, told(bad[0]))
	return f
}

// due says that the container has had the time to be up, as far as this probe goes.
func (v *view) due(q Question) bool {
	status, _ := q.own.status(q.Pod)
	started := status.Started == nil || *status.Started
	switch {
	case q.Type == Startup:
		return false // it has passed, or the container still starts
	case q.own.has(Startup) && !started:
		return false
	case q.Type == Readiness && !status.Ready:
		return v.aged(q.own, status)
	}
	age := v.age(q)
	return age >= Effective(q.Probe).FirstRun().Earliest
}

// ranMissing: the command of an exec probe is not in the image.
func (v *view) ranMissing(answers []Answer) *finding.Finding {
	bad := keep(answers, func(a Answer) bool {
		return len(a.Samples) > 0 && a.Samples[len(a.Samples)-1].Missing
	})
	if len(bad) == 0 || bad[0].Question.Probe.Exec == nil {
		return nil
	}
	q := bad[0].Question
	if f := checkBinary(v, q.sub, q.own, q.Type); f != nil {
		return f
	}
	f := those(bad)
	if q.Type == Liveness {
		f.Severity = finding.Warning
	}
	f.Args["command"] = strings.Join(q.Probe.Exec.Command, " ")
	f.Evidence = append(f.Evidence, told(bad[0]))
	return f
}

// ranRedirect: it passes only because nobody follows the redirect.
func ranRedirect(answers []Answer) *finding.Finding {
	bad := keep(answers, func(a Answer) bool {
		for _, s := range a.Samples {
			if s.Warning {
				return true
			}
		}
		return false
	})
	if len(bad) == 0 {
		return nil
	}
	f := those(bad)
	f.Evidence = append(f.Evidence, told(bad[0]))
	return f
}

// checkLoopback: the pod's loopback answers where the pod's address does not.
// Certain where both were asked. Where only loopback could be, the kubelet's own
// word for the other half: it cannot connect, and keeps the container out for
// that long after the same question passed here.
func (v *view) checkLoopback(answers []Answer, later map[finding.Ref]*corev1.Pod) *finding.Finding {
	both := keep(answers, func(a Answer) bool {
		return a.Loopback != nil && a.Loopback.Verdict == Success && a.count(Success) == 0
	})
	if len(both) > 0 {
		f := loopbackFinding(both)
		f.Evidence = append(f.Evidence, told(both[0]),
			finding.Evidence{Object: "pod/" + both[0].Question.Pod.Name, Path: "probe run (port-forward)", Value: string(Success)})
		return f
	}
	half := keep(answers, func(a Answer) bool {
		return a.Transport == PortForward && a.count(Success) == len(a.Samples) && v.refusedToKubelet(a.Question) && a.Question.stillOut(later)
	})
	if len(half) == 0 {
		return nil
	}
	f := loopbackFinding(half)
	f.Confidence = finding.Likely
	q := half[0].Question
	event, _ := v.newest(q.Pod, q.own, q.Type)
	f.Evidence = append(f.Evidence, quote(event),
		finding.Evidence{Object: "pod/" + q.Pod.Name, Path: "probe run (port-forward)", Value: string(Success)})
	return f
}

func loopbackFinding(bad []Answer) *finding.Finding {
	f := those(bad)
	q := bad[0].Question
	port, _ := portOf(q.Probe)
	number, _ := portNumber(port, q.Container)
	f.Args["port"], f.Args["address"] = number, q.Pod.Status.PodIP
	return f
}

// Suspects are the questions that passed on loopback while the kubelet says,
// again and again, that it is refused. A program that has only just begun to
// listen looks the same: whoever asks has to look at their pods again, after Settles.
func Suspects(s *snapshot.Snapshot, q Query, answers []Answer) []Question {
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	v := look(s, scope)
	var out []Question
	for _, a := range answers {
		if a.Transport == PortForward && len(a.Samples) > 0 && a.count(Success) == len(a.Samples) && v.refusedToKubelet(a.Question) {
			out = append(out, a.Question)
		}
	}
	return out
}

// Settles is after how long a probe that passes from now on has been noticed, in seconds.
func (q Question) Settles() int { return Effective(q.Probe).Passing().Latest + clockSlack }

// refusedToKubelet says that the kubelet is refused at the pod's address, again
// and again, and keeps the container out for that.
func (v *view) refusedToKubelet(q Question) bool {
	status, _ := q.own.status(q.Pod)
	event, _ := v.newest(q.Pod, q.own, q.Type)
	switch {
	case event == nil || hostOf(q.Probe) != "" || faultOf(words(event)) != refused || !v.goesOn(q.own, q.Type, status, event):
		return false
	case !strings.Contains(event.Message, q.Pod.Status.PodIP) || times(event) < 2:
		return false
	}
	return q.keptOut(status)
}

// keptOut says that the probe has not passed for the kubelet. What it says of
// liveness the status does not tell.
func (q Question) keptOut(status corev1.ContainerStatus) bool {
	switch q.Type {
	case Readiness:
		return !status.Ready && (status.Started == nil || *status.Started)
	case Startup:
		return status.Started != nil && !*status.Started
	case Liveness:
	}
	return false
}

// stillOut says that the same instance was kept out when it was looked at
// again, long enough after the run had passed.
func (q Question) stillOut(later map[finding.Ref]*corev1.Pod) bool {
	pod := later[rule.RefTo(q.Pod)]
	if pod == nil || pod.UID != q.Pod.UID {
		return false
	}
	before, _ := q.own.status(q.Pod)
	after, ok := q.own.status(pod)
	return ok && after.ContainerID == before.ContainerID && after.State.Running != nil && q.keptOut(after)
}
