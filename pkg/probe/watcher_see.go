package probe

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// seePod compares a pod with what it was.
func (w *Watcher) seePod(x Sighting, pod *corev1.Pod) []Moment {
	p := w.pods[pod.Name]
	var out []Moment
	if p == nil || p.pod != nil && p.pod.UID != pod.UID && !x.Gone { // a StatefulSet's pod comes again under its name
		delete(w.pods, pod.Name)
		p = w.known(pod.Name)
		p.set(w, x, markOf{kind: PodNew})
		out = append(out, Moment{Event: PodNew, Pod: pod.Name})
	}
	before := p.pod
	if before == nil {
		before = &corev1.Pod{}
	}
	p.pod = pod
	if x.Gone {
		out = append(out, Moment{Event: PodLeft, Pod: pod.Name, Since: p.since(w, x, markOf{kind: Deleting})})
		delete(w.pods, pod.Name)
		return out
	}
	if pod.DeletionTimestamp != nil && before.DeletionTimestamp == nil {
		p.set(w, x, markOf{kind: Deleting})
		out = append(out, Moment{Event: Deleting, Pod: pod.Name})
	}
	for _, c := range containers(&pod.Spec) {
		out = append(out, w.seeContainer(x, p, before, c)...)
	}
	return append(out, w.seeReady(x, p)...)
}

// seeContainer compares a container's status with what it was.
func (w *Watcher) seeContainer(x Sighting, p *watchedPod, before *corev1.Pod, c container) []Moment {
	was, _ := c.status(before)
	now, ok := c.status(p.pod)
	if !ok {
		return nil
	}
	name, pod := c.spec.Name, p.pod.Name
	var out []Moment
	if end := ended(was, now); end != nil {
		m := Moment{Event: ContainerEnded, Pod: pod, Container: name, Reason: end.Reason, ExitCode: &end.ExitCode}
		m.Since = p.since(w, x, markOf{ContainerKilled, name, ""}, markOf{kind: Deleting})
		p.set(w, x, markOf{ContainerEnded, name, ""})
		out = append(out, m)
	}
	if now.State.Running != nil && (was.State.Running == nil || was.ContainerID != now.ContainerID) {
		m := Moment{Event: ContainerRunning, Pod: pod, Container: name, Restarts: now.RestartCount}
		m.Since = p.since(w, x, markOf{kind: PodNew})
		if now.RestartCount > 0 {
			m.Event, m.Since = ContainerRestarted, p.since(w, x, markOf{ContainerEnded, name, ""})
		}
		p.set(w, x, markOf{ContainerRunning, name, ""})
		p.forget(markOf{ContainerKilled, name, ""}, markOf{ProbeFailed, name, Liveness}, markOf{ProbeFailed, name, Startup})
		out = append(out, m)
	}
	if c.has(Startup) && started(now) && !started(was) {
		out = append(out, Moment{Event: StartPassed, Pod: pod, Container: name, Since: p.since(w, x, markOf{ContainerRunning, name, ""})})
	}
	return out
}

func started(s corev1.ContainerStatus) bool { return s.Started != nil && *s.Started }

// ended is how the instance that ran before ended, nil where none has since.
func ended(was, now corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	for _, end := range []*corev1.ContainerStateTerminated{now.State.Terminated, now.LastTerminationState.Terminated} {
		if end == nil {
			continue
		}
		known := func(old *corev1.ContainerStateTerminated) bool {
			return old != nil && old.ContainerID == end.ContainerID && old.FinishedAt.Equal(&end.FinishedAt)
		}
		if !known(was.State.Terminated) && !known(was.LastTerminationState.Terminated) {
			return end
		}
	}
	return nil
}

// seeReady compares the pod's readiness with what it was.
func (w *Watcher) seeReady(x Sighting, p *watchedPod) []Moment {
	condition := condition(p.pod, corev1.PodReady)
	ready := condition != nil && condition.Status == corev1.ConditionTrue
	if ready == p.ready {
		return nil
	}
	p.ready = ready
	m := Moment{Event: BecameReady, Pod: p.pod.Name}
	if !ready {
		m.Event = BecameUnfit
	}
	causes := []markOf{{kind: Deleting}}
	for _, c := range containers(&p.pod.Spec) {
		status, _ := c.status(p.pod)
		if ready {
			causes = append(causes, markOf{ContainerRunning, c.spec.Name, ""})
			p.forget(markOf{ProbeFailed, c.spec.Name, Readiness}, markOf{ContainerEnded, c.spec.Name, ""})
			continue
		}
		if !status.Ready {
			m.Container = c.spec.Name
			causes = append(causes, markOf{ProbeFailed, c.spec.Name, Readiness}, markOf{ContainerEnded, c.spec.Name, ""})
		}
	}
	if ready {
		causes = append(causes, markOf{kind: BecameUnfit})
	}
	if m.Since = p.since(w, x, causes...); len(m.Since) > 1 {
		m.Since = m.Since[:1]
	}
	if ready { // what had taken it out is over
		p.forget(causes...)
	}
	p.set(w, x, markOf{kind: m.Event})
	return []Moment{m}
}

// seeEvent takes in a kubelet's event about a probe.
func (w *Watcher) seeEvent(x Sighting, e *corev1.Event) []Moment {
	news := w.news(x, e)
	p := w.pods[e.InvolvedObject.Name]
	if x.Gone || x.First || news <= 0 || p == nil || p.pod == nil || e.InvolvedObject.UID != "" && e.InvolvedObject.UID != p.pod.UID {
		return nil
	}
	_, name, _ := strings.Cut(strings.TrimSuffix(e.InvolvedObject.FieldPath, "}"), "{")
	m := Moment{Pod: e.InvolvedObject.Name, Container: name, Times: news}
	for _, t := range Types() {
		switch {
		case e.Reason == unhealthy && len(byProbe([]*corev1.Event{e}, t)) > 0:
			m.Event, m.Probe, m.Reason = ProbeFailed, t, Said(e.Message)
			w.streak(x, p, markOf{ProbeFailed, name, t})
		case e.Reason == killing && strings.Contains(e.Message, "failed "+string(t)+" probe"):
			m.Event, m.Probe, m.Times = ContainerKilled, t, 0
			m.Since = p.since(w, x, markOf{ProbeFailed, name, t})
			p.set(w, x, markOf{ContainerKilled, name, ""})
		}
	}
	if m.Event == "" {
		return nil
	}
	return []Moment{m}
}

// news is how often an event happened since it was last told. One that was not
// known and began before the watch has been written again after it expired: its
// count tells of long ago, and one of it is new.
func (w *Watcher) news(x Sighting, e *corev1.Event) int {
	key := string(e.UID) + "/" + e.Name
	before, known := w.counts[key]
	w.counts[key] = times(e)
	if !known && !x.First && !e.FirstTimestamp.IsZero() && e.FirstTimestamp.Time.Before(w.began.Truncate(time.Second)) {
		return 1
	}
	return times(e) - before
}

// streak marks the first failure of a row. Nobody tells when a probe passes: a
// failure that comes later than the next run could have ended begins a new row.
func (w *Watcher) streak(x Sighting, p *watchedPod, of markOf) {
	last := of
	last.kind += "-last"
	for _, c := range containers(&p.pod.Spec) {
		before, ok := p.marks[last]
		if c.spec.Name != of.about || !c.has(of.probe) || !ok {
			continue
		}
		v := c.values(of.probe)
		if x.At.Sub(before.at) > time.Duration(2*v.step()+v.TimeoutSeconds)*time.Second {
			p.forget(of)
		}
	}
	p.setOnce(w, x, of)
	p.set(w, x, last)
}

// seeSlice compares the pods that a Service hands out with those that it did.
func (w *Watcher) seeSlice(x Sighting, s *discoveryv1.EndpointSlice) []Moment {
	service := s.Labels[discoveryv1.LabelServiceName]
	was, now := w.slices[s.Name].pods, map[string]bool{}
	for _, e := range s.Endpoints {
		if r := e.TargetRef; !x.Gone && r != nil && r.Kind == "Pod" && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
			now[r.Name] = true
		}
	}
	w.slices[s.Name] = slice{service, now}
	changed := map[string]bool{}
	for name := range was {
		changed[name] = true
	}
	for name := range now {
		changed[name] = true
	}
	var out []Moment
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if m := w.membership(x, service, name); m != nil {
			out = append(out, *m)
		}
	}
	return out
}

// membership says whether a pod came into a Service or left it.
func (w *Watcher) membership(x Sighting, service, name string) *Moment {
	in := false
	for _, s := range w.slices {
		in = in || s.service == service && s.pods[name]
	}
	p := w.pods[name]
	if p == nil && x.First { // its pods may be listed after it
		p = w.known(name)
	}
	if p == nil || p.pod == nil && !x.First || p.in[service] == in {
		return nil
	}
	m := &Moment{Event: InService, Pod: name, Service: service}
	if in {
		p.in[service] = true
		m.Since = p.since(w, x, markOf{kind: BecameReady}, markOf{OutOfService, service, ""})
		p.forget(markOf{OutOfService, service, ""})
		return m
	}
	delete(p.in, service)
	m.Event = OutOfService
	causes := []markOf{{kind: BecameUnfit}, {kind: Deleting}}
	if p.pod != nil {
		for _, c := range containers(&p.pod.Spec) {
			causes = append(causes, markOf{ProbeFailed, c.spec.Name, Readiness}, markOf{ContainerEnded, c.spec.Name, ""})
		}
	}
	m.Since = p.since(w, x, causes...)
	p.set(w, x, markOf{OutOfService, service, ""})
	return m
}
