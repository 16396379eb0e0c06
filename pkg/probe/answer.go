package probe

import (
	"math"
	"slices"
	"time"
)

// Verdict is what the kubelet makes of one run of a probe.
type Verdict string

// Discarded is a run that ends in an error of the probe's own (a port name
// that nobody declares, a command that cannot be started, a body that breaks
// off): the kubelet tries it three times, and then forgets it. It counts
// neither for nor against the container (pkg/kubelet/prober/worker.go, doProbe).
// NotRun is a probe that was not asked.
const (
	Success   Verdict = "success"
	Failure   Verdict = "failure"
	Discarded Verdict = "discarded"
	NotRun    Verdict = "not-run"
)

// Transport is how a container was reached.
type Transport string

// Transports, in the order of how near they come to what the kubelet does.
// InContainer runs a program in the container that passes bytes on.
const (
	Helper      Transport = "helper"
	PortForward Transport = "port-forward"
	InContainer Transport = "exec"
)

// Sample is one run of a probe.
type Sample struct {
	Verdict Verdict
	// Reason is what the kubelet says of it; empty for a plain success.
	Reason string
	// Warning says that a success rests on a redirect to another host, which nobody followed.
	Warning bool
	// Took is how long the answer took, the way to the pod taken off; 0 where that cannot be known.
	Took time.Duration
	// Late says that the timeout ended it.
	Late bool
	// Missing says that the command of an exec probe cannot be started.
	Missing bool
}

// Answer is what became of one question.
type Answer struct {
	Question  Question
	Transport Transport
	Samples   []Sample
	// Loopback is what the same question got on the pod's loopback, where the
	// pod's address refused it; nil where that was not tried.
	Loopback *Sample
}

// verdict is the worst of the samples: one failure of ten is a failure, and the
// counts beside it say how rare it is.
func (a Answer) verdict() (Verdict, string) {
	for _, v := range []Verdict{Failure, Discarded, Success} {
		for _, s := range slices.Backward(a.Samples) {
			if s.Verdict == v {
				return v, s.Reason
			}
		}
	}
	return NotRun, ""
}

func (a Answer) count(v Verdict) int {
	n := 0
	for _, s := range a.Samples {
		if s.Verdict == v {
			n++
		}
	}
	return n
}

// latencies are the times that are known, in order; a run that the timeout ended took all of it.
func (a Answer) latencies() []time.Duration {
	var out []time.Duration
	for _, s := range a.Samples {
		switch {
		case s.Late:
			out = append(out, time.Duration(a.Question.Timeout())*time.Second)
		case s.Took > 0:
			out = append(out, s.Took)
		}
	}
	slices.Sort(out)
	return out
}

// quantile is the smallest value that a share of the sorted values does not exceed.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// millis is a duration in milliseconds, to a tenth.
func millis(d time.Duration) *float64 {
	ms := math.Round(float64(d)/float64(time.Millisecond)*10) / 10
	return &ms
}

// headroom is the part of the timeout that the slow answers leave unused, in per cent.
func headroom(slow time.Duration, timeoutSeconds int) int {
	timeout := time.Duration(timeoutSeconds) * time.Second
	return int(max(0, 100*(timeout-slow)/timeout))
}
