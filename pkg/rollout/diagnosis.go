package rollout

import (
	"context"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// diagnosisTime bounds a look at a version's Pods. The way back does not wait for
// it, only its report does.
const diagnosisTime = 15 * time.Second

// lookInto begins to find out what is wrong with the version that failed, beside
// the driving: it must not keep its share of the traffic for as long as that takes.
// It begins before the way back does, which takes the Pods away that tell of it.
func (e *Engine) lookInto(ctx context.Context, s State) {
	if e.found != nil { // the failure could not be written down the last time
		return
	}
	found := make(chan []finding.Finding, 1)
	e.found = found
	go func() { found <- e.diagnosis(ctx, &s, s.NewHash) }()
}

// diagnosis is what is wrong with a version, as far as that is found out in time.
func (e *Engine) diagnosis(ctx context.Context, s *State, hash string) []finding.Finding {
	if e.Diagnose == nil {
		return nil
	}
	look, cancel := context.WithTimeout(ctx, diagnosisTime)
	defer cancel()
	return e.Diagnose(look, s, hash)
}

// diagnosed writes down what was found out since.
func (e *Engine) diagnosed(ctx context.Context) error {
	select {
	case found := <-e.found:
		if e.learned(found) {
			return e.save(ctx, &e.s)
		}
	default:
	}
	return nil
}

// learned adds what was found to the reason, if that still stands: a person may
// have gone on, or asked to abort, meanwhile.
func (e *Engine) learned(found []finding.Finding) bool {
	e.found = nil
	if len(found) == 0 || e.s.Reason == nil || !e.s.Reason.worthLooking() {
		return false
	}
	e.s = e.s.clone()
	e.s.Reason.Findings = found
	return true
}

// lastWord waits for what is still being found out, unless ctx ends. It says
// whether there is more to write down than there was.
func (e *Engine) lastWord(ctx context.Context) bool {
	if e.found == nil {
		return false
	}
	select {
	case found := <-e.found:
		return e.learned(found)
	case <-ctx.Done():
		return false
	}
}

// worthLooking says whether the new version's Pods can tell more.
func (r *Reason) worthLooking() bool {
	switch r.Cause {
	case CauseNotReady, CauseRestarts, CauseGate:
		return true
	case CauseAsked, CauseNoAnswer, CauseRefused, CauseGone:
	}
	return false
}
