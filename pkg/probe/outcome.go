package probe

// Effect is what follows from a probe that goes on answering as it did.
type Effect string

// Effects. Passes: nothing. Leaves: the pod is taken out of its Services.
// KeptOut: it is out of them already. Killed: the container is killed and
// started again. Ended: it is killed, and its policy does not start it again.
// StartedBefore: a startup probe that has passed is not asked any more.
// AwaitsStartup: this probe is not asked before the startup probe has passed.
// Of runs that are discarded, NeverStarts is a startup probe's: the container
// stays as one that has not started; NeverReady is a readiness probe's that has
// not passed yet; StaysReady is one's that has, and can no longer say no;
// Unprotected is a liveness probe's, which never acts.
const (
	Passes        Effect = "passes"
	Leaves        Effect = "leaves-service"
	KeptOut       Effect = "kept-out"
	Killed        Effect = "killed"
	Ended         Effect = "ended"
	StartedBefore Effect = "started-before"
	AwaitsStartup Effect = "awaits-startup"
	NeverStarts   Effect = "never-starts"
	NeverReady    Effect = "never-ready"
	StaysReady    Effect = "stays-ready"
	Unprotected   Effect = "unprotected"
	Unknown       Effect = "unknown"
)

// Outcome is an effect and when it comes, in seconds from the run.
type Outcome struct {
	Effect Effect `json:"effect"`
	// EarliestSeconds and LatestSeconds are null where the effect has no time. They
	// count the kubelet's own rhythm, from a first failure at the moment of the run.
	EarliestSeconds *int `json:"earliestSeconds"`
	LatestSeconds   *int `json:"latestSeconds"`
}

func coming(e Effect, s Span) Outcome { return Outcome{e, &s.Earliest, &s.Latest} }

// outcome says what the kubelet would make of it if the answer stayed the same.
func (v *view) outcome(q Question, verdict Verdict) Outcome {
	status, _ := q.own.status(q.Pod)
	started := status.Started != nil && *status.Started
	switch {
	case verdict == NotRun:
		return Outcome{Effect: Unknown}
	case verdict == Success:
		return Outcome{Effect: Passes}
	case q.Type == Startup && started:
		return Outcome{Effect: StartedBefore}
	case q.Type != Startup && !started && q.own.has(Startup):
		return Outcome{Effect: AwaitsStartup}
	case verdict == Discarded:
		return Outcome{Effect: undecided(q.Type, status.Ready)}
	case q.Type == Readiness && !status.Ready:
		return Outcome{Effect: KeptOut}
	case q.Type == Readiness:
		return coming(Leaves, Effective(q.Probe).Failing())
	}
	effect := Killed
	if !q.own.restarts(&q.Pod.Spec) {
		effect = Ended
	}
	values := Effective(q.Probe)
	if q.Type == Liveness {
		return coming(effect, values.Failing())
	}
	age := v.age(q)
	left := values.FromStart()
	return coming(effect, Span{max(0, left.Earliest-age), max(0, left.Latest-age)})
}

// undecided is what a probe does whose runs are all discarded: nothing, on top
// of the result it has (worker.go, newWorker: readiness begins failed, liveness
// passed, startup unknown).
func undecided(t Type, ready bool) Effect {
	switch {
	case t == Startup:
		return NeverStarts
	case t == Liveness:
		return Unprotected
	case ready:
		return StaysReady
	}
	return NeverReady
}
