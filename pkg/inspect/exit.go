package inspect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// cause says why a container's newest ended instance ended. Exit code 137 alone
// is only "SIGKILL": who sent it is known by joining the terminated state, the
// kubelet's events about this container and the times of both.
type cause string

const (
	notEnded       cause = ""
	crashed        cause = "crashed"
	completed      cause = "completed"
	outOfMemory    cause = "out-of-memory"
	livenessKill   cause = "liveness"
	startupKill    cause = "startup"
	hookFailure    cause = "post-start-hook"
	badCommand     cause = "command"
	wrongBinary    cause = "wrong-binary"
	couldNotCreate cause = "could-not-create"
)

// recent is how long a finished instance still tells about a container that
// runs again: longer than the longest back-off (5 min), so that a crash loop
// is seen in each of its phases, yet a restart of yesterday is not an alarm.
const recent = 10 * time.Minute

// killSlack is how far a kubelet's Killing event may lie from the end that it
// caused, beyond the grace period: events carry whole seconds.
const killSlack = 5 * time.Second

// ending is the end of a container's newest instance.
type ending struct {
	cause cause
	// terminated is nil where no instance ever ran (couldNotCreate, some of badCommand).
	terminated *corev1.ContainerStateTerminated
	// detail is the runtime's or kubelet's message where it decides the cause.
	detail string
	// event is the kubelet's event that decides the cause.
	event *corev1.Event
	// unseen says why the events that would tell a kill by a probe could not be read.
	unseen string
	// assumed: the event is not of the kill itself but of an earlier one, or of the
	// failure before it; that of this end was not written, or not yet.
	assumed bool
}

// end classifies the newest end of a container.
func end(s *snapshot.Snapshot, pod *corev1.Pod, c container) ending {
	if e, ok := neverStarted(c); ok {
		return e
	}
	t := c.died()
	if t == nil {
		return ending{}
	}
	e := ending{cause: crashed, terminated: t}
	switch {
	case t.Reason == "OOMKilled":
		e.cause = outOfMemory
	case t.Reason == "StartError" || t.Reason == "ContainerCannotRun" || t.ExitCode == 126 || t.ExitCode == 127:
		e.cause, e.detail = startFailure(t), t.Message
	default:
		e.event, e.cause, e.unseen = killer(s, pod, c, t)
		if e.event == nil {
			e.assumeOtherKill(s, pod, c)
		}
	}
	if e.cause == crashed && wrongBinaryLogged(s, pod, c) {
		e.cause = wrongBinary
	}
	return e
}

// wrongBinaryLogged: runc learns only after the container has begun that the
// kernel cannot execute the program; its words are then all that is in the log.
func wrongBinaryLogged(s *snapshot.Snapshot, pod *corev1.Pod, c container) bool {
	lines, _ := exemplarLog(s, pod, c)
	return len(lines) == 1 && startText(lines[0]) == wrongBinary
}

// exemplarLog is the log that was read for this container, of this pod or of
// another one of the same template: one stands for all.
func exemplarLog(s *snapshot.Snapshot, pod *corev1.Pod, c container) ([]string, bool) {
	if lines, a := s.Log(logNeed(pod, c)); a.State == snapshot.Present {
		return lines, true
	}
	for _, l := range s.Logs() {
		if l.Need.Container != c.spec.Name || l.Need.Namespace != pod.Namespace || l.Why != "" {
			continue
		}
		other, a := snapshot.Get[*corev1.Pod](s, l.Need.Namespace, l.Need.Pod)
		if a.State == snapshot.Present && rule.TemplateOwner(s, other) == rule.TemplateOwner(s, pod) {
			return l.Lines, true
		}
	}
	return nil, false
}

// neverStarted recognises a container that the runtime could not even create.
// A CreateContainerConfigError about references belongs to the config rules, one
// about users to container/run-as-non-root.
func neverStarted(c container) (ending, bool) {
	reason, message := c.waiting()
	switch reason {
	case configError:
		if otherwiseTold(message) {
			return ending{}, false
		}
		return ending{cause: couldNotCreate, terminated: c.died(), detail: message}, true
	case "CreateContainerError", "RunContainerError":
		e := ending{cause: couldNotCreate, terminated: c.died(), detail: message}
		if cause := startText(message); cause != crashed {
			e.cause = cause
		}
		return e, true
	case "PostStartHookError":
		return ending{cause: hookFailure, terminated: c.died(), detail: message}, true
	}
	return ending{}, false
}

// otherwiseTold says that a kubelet's configuration error is one that other rules
// name, or that passes: its caches fill a moment after the pod has come.
func otherwiseTold(message string) bool {
	for _, part := range []string{"not found", "couldn't find key", "references non-existent", "non-root", "run as root", "non-numeric user", "failed to sync"} {
		if strings.Contains(message, part) {
			return true
		}
	}
	return message == ""
}

// startFailure tells apart why a process that the runtime should start is not
// there. Codes 126 (not executable) and 127 (not found) are a shell's
// convention too, so a plain exit with them is judged alike.
func startFailure(t *corev1.ContainerStateTerminated) cause {
	if c := startText(t.Message); c != crashed {
		return c
	}
	if t.ExitCode == 126 || t.ExitCode == 127 {
		return badCommand
	}
	return couldNotCreate
}

// startText reads the runtime's words (runc through containerd or CRI-O, docker).
func startText(message string) cause {
	m := strings.ToLower(message)
	switch {
	case strings.Contains(m, "exec format error"):
		return wrongBinary
	case strings.Contains(m, "oom-killed"):
		return outOfMemory
	case strings.Contains(m, "executable file not found"),
		strings.Contains(m, "no command specified"),
		strings.Contains(m, "no such file or directory") && strings.Contains(m, "exec"),
		strings.Contains(m, "permission denied") && strings.Contains(m, "exec"),
		strings.Contains(m, "is a directory") && strings.Contains(m, "exec"):
		return badCommand
	}
	return crashed
}

// killer finds out whether the kubelet ended the container: after a probe or a
// hook failed. It decides by the Killing event of this container whose time
// fits the end; an event of an earlier restart does not.
func killer(s *snapshot.Snapshot, pod *corev1.Pod, c container, t *corev1.ContainerStateTerminated) (*corev1.Event, cause, string) {
	byItself := crashed
	if t.ExitCode == 0 {
		byItself = completed
	}
	hooks, _ := containerEvents(s, pod, c, "FailedPostStartHook")
	for _, e := range hooks {
		if near(e, t, gracePeriod(pod, c)) {
			return e, hookFailure, ""
		}
	}
	kills, answer := containerEvents(s, pod, c, "Killing")
	for _, e := range kills {
		if !near(e, t, gracePeriod(pod, c)) {
			continue
		}
		if cause, _ := probeKill(e.Message, c); cause != notEnded {
			return e, cause, ""
		}
		if strings.Contains(e.Message, "FailedPostStartHook") {
			return e, hookFailure, ""
		}
	}
	return nil, byItself, answer.Why
}

// assumeOtherKill: the kubelet's client writes about one pod 25 events in a
// burst and then one every five minutes (client-go, tools/record/events_cache.go),
// so a pod that is killed again and again soon has no Killing event for its
// newest end; and an event may be written a moment after the status, or be merged
// with that of the next kill a moment before it. Where the program ended by a
// signal, and had run for as long as the probe needs, another instance's kill, or
// the probe's failure during the run, stands for it. An exit with 0
// may be the program's own wish: it counts only where even the event of its
// start is missing.
func (e *ending) assumeOtherKill(s *snapshot.Snapshot, pod *corev1.Pod, c container) {
	t := e.terminated
	if t.ExitCode != 0 && t.ExitCode != 137 && t.ExitCode != 143 {
		return
	}
	if t.ExitCode == 0 && startSeen(s, pod, c, t) {
		return
	}
	kills, _ := containerEvents(s, pod, c, "Killing")
	for _, kill := range kills {
		cause, probe := probeKill(kill.Message, c)
		if probe == nil || t.FinishedAt.Sub(t.StartedAt.Time) < probeBudget(probe) {
			continue
		}
		e.event, e.cause, e.assumed = kill, cause, true
		return
	}
	if t.ExitCode == 0 {
		return
	}
	if hooks, _ := containerEvents(s, pod, c, "FailedPostStartHook"); len(hooks) > 0 && s.TakenAt.Sub(rule.LastSeen(hooks[0])) < recent {
		e.event, e.cause, e.assumed = hooks[0], hookFailure, true
		return
	}
	e.assumeFailedProbe(s, pod, c)
}

// startSeen says whether the events reach as far as this instance's start, so
// that nothing about it was left out.
func startSeen(s *snapshot.Snapshot, pod *corev1.Pod, c container, t *corev1.ContainerStateTerminated) bool {
	starts, _ := containerEvents(s, pod, c, "Started")
	return slices.ContainsFunc(starts, func(e *corev1.Event) bool { return rule.LastSeen(e).Sub(t.StartedAt.Time) > -killSlack })
}

// assumeFailedProbe takes a probe that failed while the instance ran for the reason of its end.
func (e *ending) assumeFailedProbe(s *snapshot.Snapshot, pod *corev1.Pod, c container) {
	t := e.terminated
	for _, p := range []struct {
		kind  string
		cause cause
		probe *corev1.Probe
	}{{"Liveness", livenessKill, c.spec.LivenessProbe}, {"Startup", startupKill, c.spec.StartupProbe}} {
		failed := lastUnhealthy(s, pod, c, p.kind)
		if p.probe == nil || failed == nil || t.FinishedAt.Sub(t.StartedAt.Time) < probeBudget(p.probe) {
			continue
		}
		if at := rule.LastSeen(failed); at.After(t.StartedAt.Time) && at.Before(t.FinishedAt.Add(killSlack)) {
			e.event, e.cause, e.assumed = failed, p.cause, true
			return
		}
	}
}

// probeKill reads which probe the kubelet names as its reason to kill.
func probeKill(message string, c container) (cause, *corev1.Probe) {
	switch {
	case strings.Contains(message, "failed liveness probe"):
		return livenessKill, c.spec.LivenessProbe
	case strings.Contains(message, "failed startup probe"):
		return startupKill, c.spec.StartupProbe
	}
	return notEnded, nil
}

// near says whether a kill that the kubelet announced can have caused this end:
// the event comes first, while this instance ran, or at most the grace period
// before the end. Events are merged: the time is that of the last repetition.
func near(e *corev1.Event, t *corev1.ContainerStateTerminated, grace time.Duration) bool {
	at := rule.LastSeen(e)
	gap := t.FinishedAt.Sub(at)
	// A busy node may take longer than the grace period to end what it kills.
	return gap >= -killSlack && (gap <= grace+killSlack || at.After(t.StartedAt.Time))
}

// gracePeriod is the longest time between the kubelet's decision to kill the
// container and SIGKILL: the probe's own where it has one (KEP-2238), else the pod's.
func gracePeriod(pod *corev1.Pod, c container) time.Duration {
	seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		seconds = *g
	}
	for _, p := range []*corev1.Probe{c.spec.LivenessProbe, c.spec.StartupProbe} {
		if p != nil && p.TerminationGracePeriodSeconds != nil {
			seconds = max(seconds, *p.TerminationGracePeriodSeconds)
		}
	}
	return time.Duration(seconds) * time.Second
}

// failing says whether the ended instance matters now: the container is down
// for it, or it came back so short a while ago that it may be a loop.
func failing(s *snapshot.Snapshot, c container, t *corev1.ContainerStateTerminated) bool {
	if c.status.State.Running == nil {
		return true
	}
	return t != nil && c.status.RestartCount > 0 && s.TakenAt.Sub(t.FinishedAt.Time) < recent
}

// up says that the container runs and is ready.
func up(c container) bool { return c.status.State.Running != nil && c.status.Ready }

// settled says that the container is up again and has outlived the instance that
// ended (if that ran long, a minute), with the time that the kubelet may take to
// report an end. Without a readiness probe it is ready the moment it runs: in a
// crash loop that moment tells nothing.
func settled(s *snapshot.Snapshot, c container) bool {
	const long, late = time.Minute, 10 * time.Second
	t := c.died()
	if !up(c) || t == nil {
		return up(c)
	}
	runs := s.TakenAt.Sub(c.status.State.Running.StartedAt.Time)
	return runs > min(t.FinishedAt.Sub(t.StartedAt.Time), long)+late
}
