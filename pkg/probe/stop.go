package probe

import (
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// minimumGrace is what a container has at the least after SIGTERM, however much
// of the grace period a preStop hook took (kuberuntime_container.go, minimumGracePeriodInSeconds).
const minimumGrace = 2

// Hook is a preStop hook: whether there is one, and how long it waits where that is written.
type Hook struct {
	Present bool
	// Seconds is how long it takes, nil where it is a program's or a server's affair.
	Seconds *int
}

// PreStop reads a container's hook. A command counts as a wait only where it is
// nothing but a sleep.
func PreStop(c *corev1.Container) Hook {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return Hook{}
	}
	h := Hook{Present: true}
	switch p := c.Lifecycle.PreStop; {
	case p.Sleep != nil:
		seconds := clamp(p.Sleep.Seconds)
		h.Seconds = &seconds
	case p.Exec != nil:
		h.Seconds = slept(p.Exec.Command)
	}
	return h
}

var sleepCommand = regexp.MustCompile(`^(?:/bin/|/usr/bin/)?sleep ([0-9]{1,6})(s?);?$`)

// slept reads "sleep 10", also within "sh -c".
func slept(command []string) *int {
	text := strings.Join(command, " ")
	if len(command) == 3 && strings.HasSuffix(command[0], "sh") && command[1] == "-c" {
		text = strings.TrimSpace(command[2])
	}
	m := sleepCommand.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	seconds, err := strconv.Atoi(m[1])
	if err != nil {
		return nil
	}
	return &seconds
}

// stopping is how long it takes from the decision to end a container until it
// is gone: the hook runs first and spends the grace period; then SIGTERM, and
// SIGKILL when the rest of it is over (kuberuntime_container.go, killContainer).
func stopping(grace int, h Hook) Span {
	switch {
	case !h.Present || grace == 0:
		return Span{0, max(grace, minimumGrace)}
	case h.Seconds == nil:
		return Span{0, clamp(int64(grace) + minimumGrace)}
	}
	hook := min(*h.Seconds, grace)
	return Span{hook, max(grace, hook+minimumGrace)}
}

// podGrace is how long the pod's containers get when nothing says otherwise.
func podGrace(spec *corev1.PodSpec) int {
	if g := spec.TerminationGracePeriodSeconds; g != nil {
		return clamp(*g)
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

// grace is what a container gets that this probe ends: the probe's own grace
// period where it has one (KEP-2238), also where that is longer than the pod's.
func (v Values) grace(spec *corev1.PodSpec) int {
	if own := v.TerminationGracePeriodSeconds; own != nil {
		return *own
	}
	return podGrace(spec)
}

// The back-off between restarts (kubelet.go, newCrashLoopBackOff).
const (
	firstBackoff   = 10
	longestBackoff = 300
	forgetBackoff  = 600
)

// backoff lists how long the kubelet waits before it starts a container again
// that a probe ends again and again, each time so many seconds after its start.
// It asks in the sync in which it has ended the container, and looks at the end
// of the instance before that one (kuberuntime_manager.go, doBackOff): so the
// first restarts come at once, and so does one after a long enough life or wait.
func backoff(lived, kills int) []int {
	waits := make([]int, kills)
	if lived > forgetBackoff {
		return waits
	}
	entry, before := firstBackoff, 0
	for i := 2; i < kills; i++ {
		if before+lived < entry {
			waits[i] = entry
		}
		entry, before = min(2*entry, longestBackoff), waits[i]
	}
	return waits
}

// manyKills are enough for the back-off to reach its longest.
const manyKills = 12

// worstBackoff is the longest of the waits, and how many restarts come at once before the first.
func worstBackoff(lived int) (longest, atOnce int) {
	for _, wait := range backoff(lived, manyKills) {
		if wait == 0 && longest == 0 {
			atOnce++
		}
		longest = max(longest, wait)
	}
	return longest, atOnce
}
