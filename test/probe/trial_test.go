package probe_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
)

// trial is a pod with one probe, and what its server does.
type trial struct {
	name                                       string
	kind                                       probe.Type
	delay, period, timeout, successes, failing int
	// passes is how many requests pass before the server fails; all of them where it never does.
	passes        int
	never         bool
	hang, sidecar bool
}

const (
	trialContainer = "app"
	recordFile     = "/record/lines"
)

// trials are 38 probes: some pass, some never do, some pass a few times and then
// fail or hang, each in several rhythms. Each of the numbers is initial delay,
// period, timeout, successes, failures, and how many requests pass.
func trials() []trial {
	var out []trial
	add := func(x trial, rhythms ...[6]int) {
		for _, n := range rhythms {
			x.delay, x.period, x.timeout, x.successes, x.failing, x.passes = n[0], n[1], n[2], n[3], n[4], n[5]
			x.name = fmt.Sprintf("%s-%02d", x.kind, len(out))
			out = append(out, x)
		}
	}
	add(trial{kind: probe.Liveness}, [6]int{0, 1, 1, 1, 1, 4}, [6]int{0, 1, 1, 1, 3, 3}, [6]int{0, 2, 1, 1, 2, 3}, [6]int{3, 2, 2, 1, 3, 2},
		[6]int{0, 3, 2, 1, 1, 2}, [6]int{2, 3, 1, 1, 2, 2}, [6]int{0, 4, 2, 1, 2, 1}, [6]int{0, 5, 1, 1, 1, 2})
	add(trial{kind: probe.Liveness}, [6]int{0, 1, 1, 1, 2, 0}, [6]int{3, 1, 1, 1, 1, 0}, [6]int{5, 2, 1, 1, 2, 0}, [6]int{1, 5, 1, 1, 2, 0}, [6]int{4, 3, 1, 1, 1, 0})
	add(trial{kind: probe.Liveness, hang: true}, [6]int{0, 1, 1, 1, 1, 3}, [6]int{0, 2, 1, 1, 2, 2}, [6]int{0, 1, 2, 1, 2, 2}, [6]int{0, 2, 3, 1, 1, 2}, [6]int{0, 3, 1, 1, 2, 1})
	add(trial{kind: probe.Startup}, [6]int{0, 1, 1, 1, 2, 0}, [6]int{0, 2, 1, 1, 3, 0}, [6]int{2, 1, 1, 1, 4, 0}, [6]int{3, 2, 1, 1, 2, 0}, [6]int{0, 3, 2, 1, 3, 0}, [6]int{1, 1, 1, 1, 1, 0})
	add(trial{kind: probe.Startup, sidecar: true}, [6]int{0, 1, 1, 1, 3, 0}, [6]int{2, 2, 1, 1, 2, 0})
	add(trial{kind: probe.Liveness, sidecar: true}, [6]int{0, 2, 1, 1, 2, 2})
	add(trial{kind: probe.Readiness, never: true}, [6]int{0, 1, 1, 1, 3, 0}, [6]int{0, 5, 1, 1, 3, 0}, [6]int{4, 2, 1, 1, 3, 0}, [6]int{0, 2, 1, 3, 3, 0}, [6]int{6, 3, 1, 1, 3, 0})
	add(trial{kind: probe.Readiness}, [6]int{0, 1, 1, 1, 1, 5}, [6]int{0, 1, 1, 1, 3, 5}, [6]int{0, 2, 1, 1, 2, 4}, [6]int{0, 3, 1, 1, 1, 3}, [6]int{0, 2, 2, 2, 3, 5}, [6]int{2, 4, 1, 1, 1, 3})
	return out
}

// kills says that the probe ends the container.
func (x trial) kills() bool { return x.kind != probe.Readiness }

// pod has a sidecar that answers in the place of the container and keeps the
// record: it listens before the container begins, and outlives it.
func (x trial) pod() *corev1.Pod {
	from, always, grace := fmt.Sprint(x.passes+1), corev1.ContainerRestartPolicyAlways, int64(1)
	if x.never {
		from = "0"
	}
	p := &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: misbehave.AskPath, Port: intstr.FromInt(misbehave.Fixed().HTTP)}},
		InitialDelaySeconds: int32(x.delay), PeriodSeconds: int32(x.period), TimeoutSeconds: int32(x.timeout), SuccessThreshold: int32(x.successes), FailureThreshold: int32(x.failing),
	}
	mount := []corev1.VolumeMount{{Name: "record", MountPath: "/record"}}
	server := corev1.Container{
		Name: "record", Image: serverImage, Command: []string{"/server", "record", recordFile, from}, VolumeMounts: mount, RestartPolicy: &always,
		StartupProbe: &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 300, ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: misbehave.RecordPath, Port: intstr.FromInt(misbehave.Fixed().HTTP)},
		}},
	}
	if x.hang {
		server.Command = append(server.Command, "hang")
	}
	c := corev1.Container{Name: trialContainer, Image: serverImage, Command: []string{"/server", "mark", recordFile}, VolumeMounts: mount}
	switch x.kind {
	case probe.Startup:
		c.StartupProbe = p
	case probe.Liveness:
		c.LivenessProbe = p
	case probe.Readiness:
		c.ReadinessProbe = p
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: x.name}, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Volumes:                       []corev1.Volume{{Name: "record", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		InitContainers:                []corev1.Container{server},
		Containers:                    []corev1.Container{c},
	}}
	if x.sidecar {
		c.RestartPolicy = &always
		pod.Spec.InitContainers, pod.Spec.Containers = append(pod.Spec.InitContainers, c), []corev1.Container{{Name: "main", Image: serverImage, Command: []string{"/server", "idle"}}}
	}
	return pod
}

// course is what is known of a trial in the end.
type course struct {
	// started is when the API says that the first instance started, noticed when it was seen to
	// say so, changed when the pod became what it is, ready or not ready. The API's
	// times are whole seconds, rounded down.
	started, noticed, changed time.Time
	ready, wasReady           bool
	restarts                  int32
	// asked are the requests to the first instance; told is when it was told to end, again when the next began.
	asked       []misbehave.Noted
	told, again time.Time
	// overslept is how late the server was woken up meanwhile.
	overslept time.Duration
}

// read takes the server's own record in.
func (c *course) read(record []byte) error {
	c.asked, c.told, c.again, c.overslept = nil, time.Time{}, time.Time{}, 0
	instances := 0
	lines := bufio.NewScanner(bytes.NewReader(record))
	for lines.Scan() {
		var n misbehave.Noted
		if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
			return fmt.Errorf("a line of the record: %w", err)
		}
		switch {
		case n.What == misbehave.Began:
			if instances++; instances == 2 {
				c.again = n.At
			}
		case n.What == misbehave.Told:
			note(&c.told, n.At)
		case c.told.IsZero():
			if len(c.asked) > 0 { // before the first request it was woken up late by the start of everything
				c.overslept = max(c.overslept, n.Overslept)
			}
			c.asked = append(c.asked, n)
		}
	}
	return lines.Err()
}

func note(into *time.Time, at time.Time) {
	if into.IsZero() {
		*into = at
	}
}

// failed counts the requests to the first instance that did not pass.
func (c *course) failed() int {
	n := 0
	for _, a := range c.asked {
		if !a.Passed {
			n++
		}
	}
	return n
}

// look takes in what the API says of the pod.
func (c *course) look(pod *corev1.Pod, now time.Time) {
	for _, s := range append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...) {
		if s.Name != trialContainer {
			continue
		}
		c.restarts = s.RestartCount
		switch {
		case s.RestartCount == 0 && s.State.Running != nil:
			c.started = s.State.Running.StartedAt.Time
		case s.RestartCount == 0 && s.State.Terminated != nil:
			c.started = s.State.Terminated.StartedAt.Time
		case s.RestartCount == 1 && s.LastTerminationState.Terminated != nil:
			c.started = s.LastTerminationState.Terminated.StartedAt.Time
		}
	}
	if !c.started.IsZero() && c.noticed.IsZero() {
		c.noticed = now
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			c.ready, c.changed = condition.Status == corev1.ConditionTrue, condition.LastTransitionTime.Time
			c.wasReady = c.wasReady || c.ready
		}
	}
}

// done says that the pod has done what it was made for.
func (c *course) done(x trial) bool {
	switch {
	case x.kills():
		return !c.again.IsZero() && c.restarts > 0
	case x.never:
		return c.ready
	}
	return len(c.asked) >= x.passes+x.failing && !c.ready
}

// clean says that the record tells of what was meant: where the machine was so
// slow that an answer took as long as its timeout, the kubelet heard another one;
// and a pod that was not seen to be ready did not get unready.
func (c *course) clean(x trial) bool {
	for _, n := range c.asked {
		if n.Passed && 2*n.Took > time.Duration(x.timeout)*time.Second {
			return false
		}
	}
	return !c.started.IsZero() && c.restarts <= 1 && (x.kills() || c.wasReady)
}
