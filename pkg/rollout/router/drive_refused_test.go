package router_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// refusing is a stage on which some calls are refused for good.
type refusing struct {
	*stage
	claim, apply, save func(*stage) error
}

func (r *refusing) Claim(ctx context.Context, m rollout.Managed, token string, before []string) error {
	if r.claim != nil {
		if err := r.claim(r.stage); err != nil {
			return err
		}
	}
	return r.stage.Claim(ctx, m, token, before)
}

func (r *refusing) Apply(ctx context.Context, w rollout.Write, token string) error {
	if r.apply != nil {
		if err := r.apply(r.stage); err != nil {
			return err
		}
	}
	return r.stage.Apply(ctx, w, token)
}

func (r *refusing) Save(ctx context.Context, s *rollout.State) error {
	if r.save != nil {
		if err := r.save(r.stage); err != nil {
			return err
		}
	}
	return r.stage.Save(ctx, s)
}

func denied(*stage) error { return &rollout.RefusedError{Message: "denied by policy"} }

func deniedOnTheWayBack(g *stage) error {
	if g.state.Phase == rollout.Aborting {
		return denied(g)
	}
	return nil
}

// A refusal that lasts ends the drive, and the end tells of it: no driver tries the same for ever.
func TestRefusedForGood(t *testing.T) {
	unwritable := func(g *stage) error {
		if g.state.Phase == rollout.Judging {
			return &rollout.UnwritableError{Err: errors.New("the namespace is being terminated")}
		}
		return nil
	}
	for name, c := range map[string]struct {
		answer rollout.Result
		onFail rollout.OnFail
		r      refusing
		says   string
		held   bool
	}{
		"a write on the way back":          {rollout.Fail, rollout.Rollback, refusing{apply: deniedOnTheWayBack}, "denied by policy", false},
		"every write":                      {rollout.Pass, rollout.Rollback, refusing{apply: denied}, "denied by policy", false},
		"every claim":                      {rollout.Pass, rollout.Rollback, refusing{claim: denied}, "denied by policy", false},
		"every write, where failures hold": {rollout.Pass, rollout.HoldOnFail, refusing{apply: onlyMoves()}, "", true},
		"every save from some moment on":   {rollout.Pass, rollout.Rollback, refusing{save: unwritable}, "being terminated", false},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
			j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
			j.state.Spec.OnFail = c.onFail
			g := on(j)
			g.answers = map[rollout.GateKind]rollout.Result{rollout.GateCommand: c.answer}
			c.r.stage = g
			outcome, s, err := g.drive(t, j.machine, func(e *rollout.Engine) {
				e.Cluster, e.Journal, e.ExitOnTrouble = &c.r, &c.r, true
			})
			switch {
			case c.held:
				if err != nil || outcome != rollout.OutcomePaused || s.Reason == nil || s.Reason.Cause != rollout.CauseRefused {
					t.Errorf("ended %q in %s because of %+v: %v", outcome, s.Phase, s.Reason, err)
				}
			case err == nil || !strings.Contains(err.Error(), c.says):
				t.Errorf("ended %q in %s: %v", outcome, s.Phase, err)
			}
		})
	}
}

// onlyMoves refuses from the second write on.
func onlyMoves() func(*stage) error {
	writes := 0
	return func(g *stage) error {
		if writes++; writes > 1 {
			return denied(g)
		}
		return nil
	}
}

// What kept a way back from its end may be gone when somebody tries again: then
// it goes on, although it had no time left.
func TestAbortAgain(t *testing.T) {
	j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
	j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
	g := on(j)
	g.answers = map[rollout.GateKind]rollout.Result{rollout.GateCommand: rollout.Fail}
	down := refusing{stage: g, apply: func(g *stage) error { // the web hook that must let a write pass
		if g.state.Phase == rollout.Aborting {
			return errNetwork
		}
		return nil
	}}
	_, _, err := g.drive(t, j.machine, func(e *rollout.Engine) {
		e.Cluster = &down
		e.Diagnose = func(_ context.Context, _ *rollout.State, hash string) []finding.Finding {
			return []finding.Finding{{Title: hash}}
		}
	})
	var incomplete *rollout.IncompleteError
	if !errors.As(err, &incomplete) {
		t.Fatalf("with no write that arrives: %v", err)
	}
	if f := incomplete.Findings; len(f) != 1 || f[0].Title != j.state.OldHash {
		t.Errorf("what keeps the old version from coming back was not looked for: %+v", f)
	}
	outcome, s, err := g.drive(t, j.machine, nil)
	if err != nil || outcome != rollout.OutcomeAborted {
		t.Fatalf("again: %q in %s: %v", outcome, s.Phase, err)
	}
	j.state = s
	j.endedAs(g.look())
}

// What the person at the terminal asks for is not lost with a save that fails.
func TestAWishOutlivesAFailedSave(t *testing.T) {
	j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
	j.state.Spec.Steps[0].Pause = rollout.Pause{Manual: true}
	g := on(j)
	wishes := make(chan rollout.Request, 1)
	failed := 0
	flaky := refusing{stage: g, save: func(*stage) error {
		if g.state.Phase == rollout.Paused && failed < 3 {
			failed++
			return errNetwork
		}
		return nil
	}}
	outcome, s, err := g.drive(t, j.machine, func(e *rollout.Engine) {
		e.Journal, e.Requests = &flaky, wishes
		e.Look = func(s *rollout.State, _ *rollout.World, _ string) {
			if s.Phase == rollout.Paused && failed == 0 && len(wishes) == 0 {
				wishes <- rollout.Request{ID: "1", Do: rollout.AskAbort, By: "kim"}
			}
		}
	})
	if err != nil || outcome != rollout.OutcomeAborted || failed != 3 {
		t.Errorf("ended %q in %s after %d failures: %v", outcome, s.Phase, failed, err)
	}
}

// slowly is a gate that takes a moment to be given up, as a command that is asked to end does.
type slowly struct{ asked, gone atomic.Bool }

func (j *slowly) Judge(ctx context.Context, _ rollout.GateSpec, _ rollout.Question) rollout.Answer {
	j.asked.Store(true)
	<-ctx.Done()
	time.Sleep(50 * time.Millisecond)
	j.gone.Store(true)
	return rollout.Answer{}
}

type steady struct{}

func (steady) Now() time.Time                         { return time.Now() }
func (steady) After(d time.Duration) <-chan time.Time { return time.After(min(d, time.Second)) }

// However a driver ends, no gate of its is left behind.
func TestGatesEndWithTheirDriver(t *testing.T) {
	for name, lost := range map[string]bool{"interrupted": false, "another leads": true} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
			j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
			g := on(j)
			g.take()
			judge := &slowly{}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e := &rollout.Engine{Machine: j.machine, Cluster: g, Journal: leadUntil{g, func() bool { return lost && judge.asked.Load() }}, Judge: judge, Clock: steady{}}
			e.Look = func(*rollout.State, *rollout.World, string) {
				if judge.asked.Load() && !lost {
					cancel()
				}
			}
			_, s, err := e.Run(ctx, g.state)
			if !judge.asked.Load() || !judge.gone.Load() {
				t.Errorf("asked %t, gone %t, in %s: %v", judge.asked.Load(), judge.gone.Load(), s.Phase, err)
			}
			if lost != errors.Is(err, rollout.ErrLost) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// leadUntil is a journal whose lead is lost at some moment.
type leadUntil struct {
	*stage
	lost func() bool
}

func (l leadUntil) Leading(context.Context) error {
	if l.lost() {
		return &rollout.LostError{Holder: "bob"}
	}
	return nil
}
