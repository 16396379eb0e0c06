package probe

import "math/rand"

// This is the kubelet's prober loop, in milliseconds, without the kubelet: what
// pkg/kubelet/prober/worker.go (v1.36) does between two ticks, no more and no less.
// The predictions are held against it.

// instance is one life of a container.
type instance struct {
	// started is the real start, known when the kubelet's status first shows it.
	started, known int
	// ended is when it ends by itself; 0 for never.
	ended int
	// startupPassed is when the startup probe passed; 0 where there is none.
	startupPassed int
}

// reported is startedAt as the status has it: whole seconds, rounded down
// (status_manager.go, normalizeStatus). The kubelet's own loop reads that one.
func (i instance) reported() int { return i.started / 1000 * 1000 }

// loop is one worker.
type loop struct {
	v    Values
	kind Type
	// phase is when the ticker first ticks.
	phase int
	// run gives what a run that begins now answers, and how long it takes.
	run func(now int) (pass bool, took int)
	// sync is how often the pod is synced while it is not ready; 0 for never.
	sync int

	instance int
	last     bool
	ever     bool
	row      int
	onHold   bool
	ready    bool
	// runs are when runs began, acts when the probe acted: a failure that counts,
	// passed when a success did.
	runs, acts, passed []int
}

// live lets the worker loop from the moment 0 until the end, over the lives of its container.
func (l *loop) live(lives []instance, end int) {
	period := l.v.PeriodSeconds * 1000
	next, held := l.phase, false
	for now := 0; now < end; {
		took := l.doProbe(lives, now)
		after := now + took
		for next <= after { // ticks that nobody took: one is held, the rest are dropped
			held, next = true, next+period
		}
		switch triggered := (after/max(l.sync, 1) + 1) * max(l.sync, 1); {
		case held:
			now, held = max(after, now+1), false
		case l.sync > 0 && l.kind == Readiness && !l.ready && triggered < next:
			now = triggered
			next = now + period // a manual run starts the ticker anew
		default:
			now, next = next, next+period
		}
	}
}

// doProbe is one turn; it says how long it took.
func (l *loop) doProbe(lives []instance, now int) int {
	at := -1
	for i, in := range lives {
		if in.known <= now {
			at = i
		}
	}
	if at < 0 {
		return 0 // the kubelet knows of no container yet
	}
	in := lives[at]
	if at != l.instance-1 {
		l.instance, l.onHold, l.ready = at+1, false, false
	}
	switch {
	case l.onHold,
		in.ended > 0 && in.ended <= now,
		(now-in.reported())/1000 < l.v.InitialDelaySeconds,
		l.kind != Startup && in.startupPassed > now:
		return 0
	}
	l.runs = append(l.runs, now)
	pass, took := l.run(now)
	if l.ever && pass == l.last {
		l.row++
	} else {
		l.last, l.row, l.ever = pass, 1, true
	}
	if !pass && l.row < l.v.FailureThreshold || pass && l.row < l.v.SuccessThreshold {
		return took
	}
	if pass {
		l.passed = append(l.passed, now+took)
		l.ready = true
	} else {
		l.acts = append(l.acts, now+took)
		l.ready = false
	}
	if l.kind == Startup || l.kind == Liveness && !pass {
		l.onHold, l.row = true, 0
	}
	return took
}

// anyValues are values that the API server would take.
func anyValues(r *rand.Rand, kind Type) Values {
	v := Values{
		InitialDelaySeconds: []int{0, 0, r.Intn(5), r.Intn(90)}[r.Intn(4)],
		PeriodSeconds:       1 + []int{r.Intn(3), r.Intn(12), r.Intn(60)}[r.Intn(3)],
		SuccessThreshold:    1,
		FailureThreshold:    1 + []int{r.Intn(4), r.Intn(30)}[r.Intn(2)],
	}
	v.TimeoutSeconds = 1 + []int{0, r.Intn(5), r.Intn(2 * v.PeriodSeconds), r.Intn(40)}[r.Intn(4)]
	if kind == Readiness {
		v.SuccessThreshold = 1 + r.Intn(3)
	}
	return v
}

// duration is how long a run takes: at once, some of the timeout, or all of it.
func duration(r *rand.Rand, v Values) int {
	limit := v.TimeoutSeconds * 1000
	return []int{0, 1 + r.Intn(5), r.Intn(limit + 1), limit}[r.Intn(4)]
}
