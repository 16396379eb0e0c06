package probe

// Span is an interval of time in seconds, ends included. It counts from the
// startedAt that the API shows for a container, or from the moment at which a
// run that begins fails. It holds for the kubelet's loop itself: the kubelet
// notices a start, and carries a decision out, up to about two seconds late.
type Span struct {
	Earliest int `json:"earliestSeconds"`
	Latest   int `json:"latestSeconds"`
}

// after moves the span later.
func (s Span) after(seconds int) Span { return s.plus(Span{seconds, seconds}) }

// plus puts one span behind the other.
func (s Span) plus(next Span) Span {
	return Span{clamp(int64(s.Earliest) + int64(next.Earliest)), clamp(int64(s.Latest) + int64(next.Latest))}
}

// step is the longest time from the beginning of one run to that of the next.
// Runs do not overlap: one that takes longer than the period delays the next,
// which then begins at once (worker.go, run: a ticker that holds one tick).
func (v Values) step() int { return max(v.PeriodSeconds, v.TimeoutSeconds) }

// FirstRun is when the probe is asked first, from the container's start. The
// ticker began when the kubelet got the pod, so its phase is anything; ticks
// before the initial delay do nothing. A run on the instance before may still hang.
func (v Values) FirstRun() Span {
	return Span{v.InitialDelaySeconds, clamp(int64(v.InitialDelaySeconds) + int64(v.step()))}
}

// Failing is how long a check fails until the probe acts on it: the failure
// threshold in a row, a period between each two, and up to a period before the
// first of them. Latest is for a check that hangs until the timeout each time; a
// refused connection is noticed a timeout sooner.
//
// A timeout longer than the period lets a run begin between two ticks, so that
// two runs follow each other faster than the period.
func (v Values) Failing() Span {
	apart := v.FailureThreshold - 1
	if v.TimeoutSeconds > v.PeriodSeconds && apart > 0 {
		apart--
	}
	return Span{
		Earliest: clamp(int64(apart) * int64(v.PeriodSeconds)),
		Latest:   clamp(int64(v.FailureThreshold)*int64(v.step()) + int64(v.TimeoutSeconds)),
	}
}

// FromStart is when the probe acts on a container that never passes, from its
// start. Earliest is what a container is guaranteed to have for starting up,
// where this probe decides that; Latest is the most that it may get.
//
// The guarantee is for a new pod, or after a kill by a probe: the kubelet does
// not forget failures that an instance had collected when it ended by itself
// (worker.go, doProbe: resultRun).
func (v Values) FromStart() Span { return v.Failing().after(v.InitialDelaySeconds) }

// Passing is how long a check passes until the probe says so. A container that
// is not ready is asked at each sync of its pod too (prober_manager.go,
// UpdatePodStatus), so it may be sooner than the period suggests.
func (v Values) Passing() Span {
	return Span{Latest: clamp(int64(v.SuccessThreshold)*int64(v.step()) + int64(v.TimeoutSeconds))}
}
