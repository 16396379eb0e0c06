package router_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// A version that failed does not keep its share while it is found out what is
// wrong with it: that is told when the rollout ends, and stays in the journal.
func TestNothingWaitsForTheDiagnosis(t *testing.T) {
	for name, c := range map[string]struct {
		onFail  rollout.OnFail
		outcome rollout.Outcome
		// goesOn says that the rollout has done what the failure asks for.
		goesOn func(write bool, event rollout.Event) bool
	}{
		"the first write of the way back": {rollout.Rollback, rollout.OutcomeAborted, func(write bool, _ rollout.Event) bool { return write }},
		"the end of the way back": {rollout.Rollback, rollout.OutcomeAborted, func(_ bool, event rollout.Event) bool {
			return event.Event == rollout.EventOver
		}},
		"holding": {rollout.HoldOnFail, rollout.OutcomePaused, func(_ bool, event rollout.Event) bool { return event.Phase == rollout.Paused }},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
			j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
			j.state.Spec.OnFail = c.onFail
			g := on(j)
			g.answers = map[rollout.GateKind]rollout.Result{rollout.GateCommand: rollout.Fail}
			gone := make(chan struct{})
			goesOn := sync.OnceFunc(func() { close(gone) })
			watched := refusing{stage: g, apply: func(g *stage) error {
				if g.state.Phase == rollout.Aborting && c.goesOn(true, rollout.Event{}) {
					goesOn()
				}
				return nil
			}}
			outcome, s, err := g.drive(t, j.machine, func(e *rollout.Engine) {
				e.Cluster, e.ExitOnTrouble = &watched, true
				e.Emit = func(event rollout.Event, _ *rollout.State, _ *rollout.World) {
					if c.goesOn(false, event) {
						goesOn()
					}
				}
				e.Diagnose = func(ctx context.Context, _ *rollout.State, hash string) []finding.Finding {
					select {
					case <-gone:
						return []finding.Finding{{Title: hash}}
					case <-ctx.Done():
						return nil
					}
				}
			})
			if err != nil || outcome != c.outcome {
				t.Fatalf("ended %q in %s: %v", outcome, s.Phase, err)
			}
			for where, reason := range map[string]*rollout.Reason{"the end": s.Reason, "the journal": g.state.Reason} {
				if reason == nil || len(reason.Findings) != 1 || reason.Findings[0].Title != s.NewHash {
					t.Errorf("%s tells %+v; the diagnosis was waited for, or lost", where, reason)
				}
			}
		})
	}
}

// Whoever leaves does not wait for a diagnosis, and what a person asked for has none.
func TestADiagnosisThatNobodyWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		ends    func(hold context.CancelFunc, wishes chan<- rollout.Request)
		outcome rollout.Outcome
	}{
		"interrupted": {func(hold context.CancelFunc, _ chan<- rollout.Request) { hold() }, rollout.OutcomeInterrupted},
		"aborted by a person meanwhile": {func(_ context.CancelFunc, wishes chan<- rollout.Request) {
			wishes <- rollout.Request{ID: "1", Do: rollout.AskAbort, By: "kim"}
		}, rollout.OutcomeAborted},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
			j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
			j.state.Spec.OnFail = rollout.HoldOnFail
			g := on(j)
			g.answers = map[rollout.GateKind]rollout.Result{rollout.GateCommand: rollout.Fail}
			g.take()
			ctx, hold := context.WithCancel(t.Context())
			defer hold()
			wishes, over := make(chan rollout.Request, 1), make(chan struct{})
			e := &rollout.Engine{Machine: j.machine, Cluster: g, Journal: g, Judge: g, Clock: g, Requests: wishes}
			e.Emit = func(event rollout.Event, _ *rollout.State, _ *rollout.World) {
				switch {
				case event.Event == rollout.EventFailed:
					c.ends(hold, wishes)
				case event.Event == rollout.EventOver:
					close(over)
				}
			}
			e.Diagnose = func(ctx context.Context, _ *rollout.State, _ string) []finding.Finding {
				select {
				case <-over:
				case <-ctx.Done():
				}
				return []finding.Finding{{Title: "late"}}
			}
			outcome, s, err := e.Run(ctx, g.state)
			if err != nil || outcome != c.outcome || s.Reason == nil {
				t.Fatalf("ended %q in %s because of %+v: %v", outcome, s.Phase, s.Reason, err)
			}
			if s.Reason.Cause == rollout.CauseAsked && len(s.Reason.Findings) != 0 {
				t.Errorf("what a person asked for is explained by %+v", s.Reason.Findings)
			}
		})
	}
}
