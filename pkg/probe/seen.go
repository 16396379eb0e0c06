package probe

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// sight is what was seen of one probe of a subject: the pods on which it fails
// now, and how.
type sight struct {
	// pods are those on which it fails, the one that tells most first.
	pods []*corev1.Pod
	// event is the newest failure on the first of them, nil where only the status tells.
	event *corev1.Event
	fault fault
	// out counts the pods whose container is not ready for this probe, killed
	// those whose container the kubelet ended for it of late.
	out, killed int
	kill        *corev1.Event
}

// sightOf is what fresh events with certain words tell of a subject's pods, nil for nothing.
func (v *view) sightOf(sub *subject, events func(*corev1.Pod) []*corev1.Event, tells func(message string) bool) *sight {
	var s sight
	for _, pod := range sub.pods {
		for _, e := range events(pod) {
			if !v.fresh(e) || !tells(words(e)) {
				continue
			}
			if s.event == nil {
				s.event = e
			}
			s.pods = append(s.pods, pod)
			break
		}
	}
	if s.event == nil {
		return nil
	}
	return &s
}

// settle is granted to a container beyond its probe's arithmetic before a failure is more than its start.
const settle = 5 * time.Second

// failing finds the pods on which a probe fails now, by the kubelet's events
// and statuses. A startup probe fails while a container starts, as it should:
// only a kill counts. Readiness fails too while it starts, so it counts once
// the container has had the time. One failure that is over is a hiccup, and left out.
func (v *view) failing(sub *subject, c container, t Type) *sight {
	var out sight
	for _, pod := range sub.pods {
		own, ok := c.in(pod)
		if !ok || own.probe(t) == nil {
			continue
		}
		event, kill := v.newest(pod, own, t)
		status, _ := own.status(pod)
		notReady := t == Readiness && v.out(own, status)
		switch {
		case kill != nil, notReady:
		case event != nil && t == Liveness && v.goesOn(own, t, status, event):
		case event != nil && t == Readiness && status.Ready && v.goesOn(own, t, status, event) && v.aged(own, status):
		default:
			continue
		}
		if kill != nil {
			out.killed++
		}
		if notReady {
			out.out++
		}
		first := len(out.pods) == 0 || out.event == nil && event != nil || out.kill == nil && kill != nil
		out.pods = append(out.pods, pod)
		if first {
			last := len(out.pods) - 1
			out.pods[0], out.pods[last] = out.pods[last], out.pods[0]
			out.event, out.kill = event, kill
		}
	}
	if len(out.pods) == 0 {
		return nil
	}
	if out.event != nil {
		out.fault = faultOf(words(out.event))
	}
	return &out
}

// newest are the newest fresh events of a failure and of a kill.
func (v *view) newest(pod *corev1.Pod, c container, t Type) (event, kill *corev1.Event) {
	if all := v.failures(pod, c, t); len(all) > 0 && v.fresh(all[0]) {
		event = all[0]
	}
	if all := v.kills(pod, c, t); t.kills() && len(all) > 0 && v.fresh(all[0]) {
		kill = all[0]
	}
	return event, kill
}

// repeated is how often a failure happens before it is more than a moment's hiccup.
const repeated = 3

// goesOn says that a failure is of the instance that runs now, and of now: it
// happened within the time that the probe takes to act, or often enough.
func (v *view) goesOn(c container, t Type, status corev1.ContainerStatus, e *corev1.Event) bool {
	run := status.State.Running
	if run == nil || rule.LastSeen(e).Before(run.StartedAt.Time) {
		return false
	}
	age := v.s.TakenAt.Sub(rule.LastSeen(e))
	return times(e) >= repeated || age <= time.Duration(c.values(t).Failing().Latest)*time.Second+settle
}

// out says that readiness keeps a container out that has started, has had the
// time to get ready, and did not end of late for another reason.
func (v *view) out(c container, status corev1.ContainerStatus) bool {
	if status.State.Running == nil || status.Ready || status.Started != nil && !*status.Started {
		return false
	}
	if died := status.LastTerminationState.Terminated; died != nil && v.s.TakenAt.Sub(died.FinishedAt.Time) < recent {
		return false
	}
	return v.aged(c, status)
}

// aged says that the container runs for longer than its readiness probe needs to make up its mind.
func (v *view) aged(c container, status corev1.ContainerStatus) bool {
	run := status.State.Running
	if run == nil {
		return false
	}
	need := time.Duration(c.values(Readiness).FromStart().Latest)*time.Second + settle
	return v.s.TakenAt.Sub(run.StartedAt.Time) > need
}

// sample is how long one instance of a container took from its start until it
// was ready. It took High at the most; Low is what it took for certain.
type sample struct {
	pod       *corev1.Pod
	low, high int
	// event is the failed run that Low rests on, nil where it is arithmetic.
	event *corev1.Event
}

// longestStart bounds a start-up that nothing else bounds: what took longer is
// more likely a pod that became unready in between, and is left out.
const longestStart = 15 * 60

// clockSlack is the error of two times of whole seconds and of the kubelet's lag between them.
const clockSlack = 2

// samples are the start-ups seen of a container as its template has it now. The
// status holds one moment of getting ready, the last: a pod that was unready
// later shows too long a time, so that what no probe would have let live is dropped.
func (v *view) samples(sub *subject, c container) []sample {
	var out []sample
	for _, pod := range sub.current(c) {
		if s, ok := v.sample(pod, c); ok {
			out = append(out, s)
		}
	}
	return out
}

func (v *view) sample(pod *corev1.Pod, c container) (sample, bool) {
	own, ok := c.in(pod)
	if !ok || !own.has(Readiness) && !own.has(Startup) {
		return sample{}, false
	}
	status, ok := own.status(pod)
	ready := condition(pod, corev1.ContainersReady)
	if !ok || status.State.Running == nil || !status.Ready || ready == nil || ready.Status != corev1.ConditionTrue {
		return sample{}, false
	}
	start := status.State.Running.StartedAt.Time
	took := int(ready.LastTransitionTime.Sub(start) / time.Second)
	s := sample{pod: pod, high: took}
	most := longestStart
	if span, bound := own.budget(); bound {
		most = min(most, clamp(int64(span.Latest)+int64(own.passing())+clockSlack))
	}
	if took < 0 || took > most {
		return sample{}, false
	}
	if alone(pod, own) {
		s.low = max(0, took-own.passing()-clockSlack)
	}
	for _, t := range []Type{Startup, Readiness} {
		for _, e := range v.failures(pod, own, t) {
			at := int(rule.LastSeen(e).Sub(start) / time.Second)
			if at >= s.low && at <= took {
				s.low, s.event = at, e
				break
			}
		}
	}
	return s, true
}

// passing is how long the container's probes take at the most to notice that it is ready.
func (c container) passing() int {
	total := 0
	for _, t := range []Type{Startup, Readiness} {
		if c.has(t) {
			total += c.values(t).Passing().Latest
		}
	}
	// A readiness probe that waits longer than the start-up hides when that was over.
	if c.has(Readiness) {
		total += c.values(Readiness).InitialDelaySeconds
	}
	if c.has(Startup) {
		total += c.values(Startup).InitialDelaySeconds
	}
	return clamp(int64(total))
}

// alone says that no other container of the pod can be what it waited for.
func alone(pod *corev1.Pod, c container) bool {
	for _, other := range containers(&pod.Spec) {
		if other.spec.Name != c.spec.Name && (other.has(Readiness) || other.has(Startup)) {
			return false
		}
	}
	return true
}

// budget is when a container that does not start is ended, and whether any probe would.
func (c container) budget() (Span, bool) {
	switch {
	case c.has(Startup):
		return c.values(Startup).FromStart(), c.resolves(Startup)
	case c.has(Liveness):
		return c.values(Liveness).FromStart(), c.resolves(Liveness)
	}
	return Span{}, false
}

// slowest is the sample that took the longest for certain.
func slowest(all []sample) (sample, bool) {
	var worst sample
	for i, s := range all {
		if i == 0 || s.low > worst.low {
			worst = s
		}
	}
	return worst, len(all) > 0
}

func condition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
