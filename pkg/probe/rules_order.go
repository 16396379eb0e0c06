package probe

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// orderRules find probes of one container that get in each other's way.
func orderRules() []rule.Rule {
	return []rule.Rule{
		ofContainer("probe/identical", checkIdentical),
		ofContainer("probe/liveness-before-ready", checkOrder),
		ofProbe("probe/timeout-over-period", checkTimeoutOverPeriod),
		ofProbe("probe/initial-delay-long", checkInitialDelay),
	}
}

// identical says that liveness and readiness ask the same at the same pace, so
// that what takes the pod out of its Services restarts it as well.
func identical(c container) (same, alike bool) {
	if !c.has(Liveness) || !c.has(Readiness) {
		return false, false
	}
	same, alike = sameQuestion(c.probe(Liveness), c.probe(Readiness), c.spec)
	live, ready := c.values(Liveness).Failing(), c.values(Readiness).Failing()
	return same && live.Earliest < ready.Latest, alike
}

// checkIdentical is silent where liveness is patient enough to act only after
// readiness for certain, which is the pattern that Kubernetes' documentation
// recommends. A TCP connect tells too little for a dependency to fail it, so
// that restarting for it does less harm.
func checkIdentical(_ *view, sub *subject, c container) *finding.Finding {
	same, alike := identical(c)
	if !same {
		return nil
	}
	f := sub.finding(c)
	live, ready := c.values(Liveness).Failing(), c.values(Readiness).Failing()
	f.Args["handler"], f.Args["alike"], f.Args["tcp"] = Handler(c.probe(Liveness), c.spec), alike, c.probe(Liveness).TCPSocket != nil
	f.Args["liveEarliest"], f.Args["liveLatest"], f.Args["readyEarliest"], f.Args["readyLatest"] = live.Earliest, live.Latest, ready.Earliest, ready.Latest
	f.Args["threshold"] = patience(c)
	f.Args["patch"] = sub.patchContainer(c, set(Liveness, change{string(FailureThreshold): patience(c)}))
	if !alike {
		f.Confidence = finding.Likely // the headers may lead to another answer
	}
	if c.probe(Liveness).TCPSocket != nil {
		f.Severity = finding.Info
	}
	f.Evidence = append(f.Evidence, sub.numbers(c, Readiness), sub.numbers(c, Liveness))
	return f
}

// patience is the failureThreshold with which liveness acts only after readiness has.
func patience(c container) int {
	live, last := c.values(Liveness), c.values(Readiness).Failing().Latest
	periods := int64(last+live.PeriodSeconds-1) / int64(live.PeriodSeconds)
	if live.TimeoutSeconds > live.PeriodSeconds {
		periods++ // two runs may follow each other faster: see Failing
	}
	return max(live.FailureThreshold, clamp(periods+1))
}

// checkOrder: liveness ends the container before readiness has had its say. At
// the start: readiness is not even asked by the time that liveness may have
// ended it. Later: liveness is set to be the faster of the two.
func checkOrder(_ *view, sub *subject, c container) *finding.Finding {
	if !c.has(Liveness) || !c.has(Readiness) {
		return nil
	}
	live, ready := c.values(Liveness), c.values(Readiness)
	f := sub.finding(c)
	f.Args["threshold"], f.Args["readyDelay"], f.Args["always"] = patience(c), ready.InitialDelaySeconds, false
	f.Args["patch"] = sub.patchContainer(c, set(Liveness, change{string(FailureThreshold): patience(c)}))
	f.Evidence = append(f.Evidence, sub.numbers(c, Readiness), sub.numbers(c, Liveness))
	span := func(live, ready Span) {
		f.Args["liveEarliest"], f.Args["liveLatest"], f.Args["readyEarliest"], f.Args["readyLatest"] = live.Earliest, live.Latest, ready.Earliest, ready.Latest
	}
	if !c.has(Startup) && ready.InitialDelaySeconds > 0 && live.FromStart().Earliest <= ready.InitialDelaySeconds {
		f.Args["variant"] = "start"
		span(live.FromStart(), ready.FirstRun())
		return f
	}
	same, _ := identical(c)
	a, b := live.Failing(), ready.Failing()
	if same || a.Earliest >= b.Earliest || a.Latest >= b.Latest {
		return nil
	}
	f.Args["variant"] = "later"
	f.Args["always"] = a.Latest <= b.Earliest
	span(a, b)
	if a.Latest > b.Earliest {
		f.Severity = finding.Info
	}
	return f
}

// checkTimeoutOverPeriod: runs do not overlap, so that a check that hangs is
// asked less often than the period says.
func checkTimeoutOverPeriod(_ *view, sub *subject, c container, t Type) *finding.Finding {
	v := c.values(t)
	if v.TimeoutSeconds <= v.PeriodSeconds {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["timeout"], f.Args["period"], f.Args["latest"] = v.TimeoutSeconds, v.PeriodSeconds, v.Failing().Latest
	f.Args["patch"] = sub.patchContainer(c, set(t, change{string(Period): v.TimeoutSeconds}))
	f.Args["naive"] = clamp(int64(v.FailureThreshold) * int64(v.PeriodSeconds))
	f.Evidence = append(f.Evidence, sub.numbers(c, t))
	return f
}

// From which initial delay on a probe is worth a word, and a warning. Readiness
// and startup cost every pod that time, however fast it is. Liveness is blind
// for that time after every restart.
const (
	longWait, veryLongWait   = 30, 60
	longBlind, veryLongBlind = 60, 180
)

// checkInitialDelay: an initial delay that stands in for a startup probe.
func checkInitialDelay(_ *view, sub *subject, c container, t Type) *finding.Finding {
	v := c.values(t)
	some, much := longWait, veryLongWait
	if t == Liveness {
		some, much = longBlind, veryLongBlind
	}
	if v.InitialDelaySeconds < some || sub.once() {
		return nil
	}
	f := sub.probeFinding(c, t)
	if v.InitialDelaySeconds < much {
		f.Severity = finding.Info
	}
	f.Args["delay"], f.Args["startup"] = v.InitialDelaySeconds, c.has(Startup)
	patient := (v.FromStart().Earliest+startupPeriod-1)/startupPeriod + 1
	f.Args["threshold"] = patient
	none := set(t, change{string(InitialDelay): 0})
	if t == Liveness && !c.has(Startup) {
		if h, err := handlerOf(c.probe(t)); err == nil {
			h[string(Period)], h[string(FailureThreshold)] = startupPeriod, patient
			none[probeKey(Startup)] = h
		}
	}
	f.Args["patch"] = sub.patchContainer(c, none)
	f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+"."+string(InitialDelay), "%d", v.InitialDelaySeconds))
	return f
}

// startupPeriod is the period of a startup probe that a finding proposes: a
// container is found started that soon, and a fork or request every five seconds costs little.
const startupPeriod = 5
