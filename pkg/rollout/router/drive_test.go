package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// stage is a cluster and a journal in memory with every call counted. One call
// can be made to go wrong: not done, done without an answer, refused, in conflict,
// or the driver's last.
type stage struct {
	ideal  *rollout.Ideal
	state  rollout.State
	marks  map[rollout.Ref]string
	token  int
	before []string
	now    time.Time
	calls  int
	at     int
	fault  fault
	asked  *rollout.Request
	// answers are what gates say, Pass where they say nothing.
	answers map[rollout.GateKind]rollout.Result
	world   func(*rollout.World)
}

type fault string

const (
	none      fault = ""
	notDone   fault = "not done"
	unknown   fault = "done, without an answer"
	conflict  fault = "conflict"
	dies      fault = "the driver dies before"
	diesAfter fault = "the driver dies after"
)

var (
	errNetwork = errors.New("connection reset")
	errDied    = errors.New("killed")
)

// call runs one call to the cluster or the journal under the fault, if its time has come.
func (g *stage) call(do func() error) error {
	g.calls++
	if g.calls != g.at {
		return do()
	}
	switch g.fault {
	case notDone:
		return errNetwork
	case unknown:
		_ = do()
		return errNetwork
	case conflict:
		return &rollout.ConflictError{Message: "the object has been modified"}
	case dies:
		panic(errDied)
	case diesAfter:
		_ = do()
		panic(errDied)
	case none:
	}
	return do()
}

func (g *stage) Observe(context.Context, *rollout.State) (w *rollout.World, err error) {
	err = g.call(func() error {
		g.now = g.now.Add(time.Second)
		w = g.look()
		if g.world != nil {
			g.world(w)
		}
		return nil
	})
	return w, err
}

func (g *stage) look() *rollout.World {
	w := g.ideal.World()
	w.At = g.now
	for ref, live := range w.Live {
		live.Token, live.Marked = g.marks[ref], g.marks[ref] != ""
		w.Live[ref] = live
	}
	return w
}

func (g *stage) Apply(_ context.Context, w rollout.Write, token string) error {
	return g.call(func() error {
		if g.marks[w.Object] != token && !w.Delete {
			return &rollout.ConflictError{Object: w.Object, Message: "another driver's mark"}
		}
		if len(w.Changes) == 1 && w.Changes[0].Path == rollout.MarkField {
			delete(g.marks, w.Object)
			return nil
		}
		return g.ideal.Apply(w)
	})
}

func (g *stage) Claim(_ context.Context, m rollout.Managed, token string, before []string) error {
	return g.call(func() error {
		if mark := g.marks[m.Ref]; mark != "" && mark != token && !slices.Contains(before, mark) {
			return &rollout.ConflictError{Object: m.Ref, Message: "marked by " + mark}
		}
		g.marks[m.Ref] = token
		return nil
	})
}

func (g *stage) Who(context.Context, rollout.Ref, rollout.Pointer) (string, time.Time, error) {
	return "kubectl-edit", g.now, nil
}

func (g *stage) Token() string                 { return fmt.Sprint("t", g.token) }
func (g *stage) Before() []string              { return g.before }
func (g *stage) Leading(context.Context) error { return nil }
func (g *stage) Release(context.Context) error { return g.call(func() error { return nil }) }

func (g *stage) Renew(context.Context) error {
	return g.call(func() error { g.take(); return nil })
}

func (g *stage) take() {
	g.before = append(g.before, g.Token())
	g.token++
}

// Save goes through JSON, as the real journal does.
func (g *stage) Save(_ context.Context, s *rollout.State) error {
	return g.call(func() error {
		raw, err := json.Marshal(s)
		if err != nil {
			return err
		}
		g.state = rollout.State{}
		return json.Unmarshal(raw, &g.state)
	})
}

func (g *stage) Asked(context.Context) (*rollout.Request, error) {
	var r *rollout.Request
	err := g.call(func() error { r = g.asked; return nil })
	return r, err
}

func (g *stage) Took(context.Context, rollout.Request) error {
	return g.call(func() error { g.asked = nil; return nil })
}

func (g *stage) Judge(_ context.Context, spec rollout.GateSpec, _ rollout.Question) rollout.Answer {
	if r, ok := g.answers[spec.Kind]; ok {
		return rollout.Answer{Result: r, Message: "said so"}
	}
	return rollout.Answer{Result: rollout.Pass}
}

func (g *stage) Now() time.Time { return g.now }

func (g *stage) After(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- g.now
	time.Sleep(10 * time.Microsecond) // a gate is asked on the side
	return c
}

// drive runs drivers, each after the one before has died, until one ends.
func (g *stage) drive(t *testing.T, m *rollout.Machine, change func(*rollout.Engine)) (rollout.Outcome, rollout.State, error) {
	t.Helper()
	for range 4 {
		g.take()
		outcome, s, err := g.one(t, m, change)
		if !errors.Is(err, errDied) {
			return outcome, s, err
		}
	}
	t.Fatal("no driver lived to the end")
	return "", rollout.State{}, nil
}

func (g *stage) one(t *testing.T, m *rollout.Machine, change func(*rollout.Engine)) (outcome rollout.Outcome, s rollout.State, err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if r != any(errDied) {
				panic(r)
			}
			err = errDied
		}
	}()
	e := &rollout.Engine{Machine: m, Cluster: g, Journal: g, Judge: g, Clock: g}
	if change != nil {
		change(e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return e.Run(ctx, g.state)
}

// on puts a journey's beginning on a stage.
func on(j *journey) *stage {
	return &stage{ideal: j.ideal, state: j.state, marks: map[rollout.Ref]string{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// Whatever goes wrong at whatever call, once: what was planned is reached, or
// everything is as it was.
func TestEveryCallMayGoWrong(t *testing.T) {
	kinds := map[string]int{}
	defer func() {
		if len(kinds) < 4 {
			t.Errorf("only %v were driven", kinds)
		}
	}()
	for seed := range uint64(40) {
		kind := kindOf(newJourney(t, rand.New(rand.NewPCG(seed, 1))))
		if kinds[kind]++; kinds[kind] > 1 && (testing.Short() || kinds[kind] > 2) {
			continue
		}
		for _, back := range []bool{false, true} {
			begin := func() (*journey, *stage, func(*rollout.Engine)) {
				j := newJourney(t, rand.New(rand.NewPCG(seed, 1)))
				for i := range j.state.Spec.Steps {
					j.state.Spec.Steps[i].Pause = rollout.Pause{}
				}
				j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "true"}}
				g := on(j)
				last := len(j.state.Spec.Steps)
				want := func(e *rollout.Engine) {
					e.Emit = func(event rollout.Event, _ *rollout.State, _ *rollout.World) {
						if back && event.Event == rollout.EventGate && event.Step == last {
							g.asked = &rollout.Request{ID: "1", Do: rollout.AskAbort, By: "kim"}
						}
					}
				}
				return j, g, want
			}
			j, g, change := begin()
			outcome, s, err := g.drive(t, j.machine, change)
			if err != nil || back != (outcome == rollout.OutcomeAborted) {
				t.Fatalf("seed %d undisturbed: %s, %v, %+v", seed, outcome, err, s.Reason)
			}
			calls := g.calls
			for at := 1; at <= calls; at++ {
				for i, f := range []fault{notDone, unknown, conflict, dies, diesAfter} {
					if testing.Short() && at%5 != i {
						continue
					}
					j, g, change := begin()
					g.at, g.fault = at, f
					outcome, s, err := g.drive(t, j.machine, change)
					switch {
					case err != nil && (g.calls > at+8 || f != conflict && f != notDone && f != unknown):
						t.Fatalf("seed %d, call %d of %d, %s: %v", seed, at, calls, f, err)
					case err != nil: // at the very end: everything is done, and giving the lead away failed
					case outcome != rollout.OutcomePromoted && outcome != rollout.OutcomeAborted:
						t.Fatalf("seed %d, call %d of %d, %s: %s", seed, at, calls, f, outcome)
					case !back && outcome != rollout.OutcomePromoted:
						t.Fatalf("seed %d, call %d of %d, %s: turned back because of %+v", seed, at, calls, f, s.Reason)
					}
					j.state = s
					j.endedAs(g.look())
					if t.Failed() {
						t.Fatalf("seed %d, call %d, %s", seed, at, f)
					}
				}
			}
		}
	}
}

func kindOf(j *journey) string {
	return j.state.Spec.Workload.Kind + " " + string(j.state.Spec.Strategy)
}

func TestHowADriverEnds(t *testing.T) {
	bad := func(w *rollout.World) { w.New.Restarts, w.New.Ended = 3, "web: exit 1" }
	cases := []struct {
		name    string
		world   func(*rollout.World)
		answer  rollout.Result
		change  func(*rollout.Spec)
		engine  func(*rollout.Engine)
		outcome rollout.Outcome
		cause   rollout.Cause
	}{
		{"promoted", nil, rollout.Pass, nil, nil, rollout.OutcomePromoted, ""},
		{"restarts roll back", bad, rollout.Pass, nil, nil, rollout.OutcomeAborted, rollout.CauseRestarts},
		{"a failing gate rolls back", nil, rollout.Fail, nil, nil, rollout.OutcomeAborted, rollout.CauseGate},
		{"a failing gate holds, if asked to", nil, rollout.Fail, func(s *rollout.Spec) { s.OnFail = rollout.HoldOnFail },
			func(e *rollout.Engine) { e.ExitOnTrouble = true }, rollout.OutcomePaused, rollout.CauseGate},
		{"an unclear gate pauses", nil, rollout.Inconclusive, nil, func(e *rollout.Engine) { e.ExitOnTrouble = true }, rollout.OutcomePaused, rollout.CauseNoAnswer},
		{"no data for too long pauses", nil, rollout.NoData, nil, func(e *rollout.Engine) { e.ExitOnTrouble = true }, rollout.OutcomePaused, rollout.CauseNoAnswer},
		{"a planned pause is a way out", nil, rollout.Pass, func(s *rollout.Spec) { s.Steps[0].Pause.Manual = true },
			func(e *rollout.Engine) { e.ExitOnPause = true }, rollout.OutcomePaused, ""},
		{"never ready rolls back", func(w *rollout.World) { w.New.Ready = 0 }, rollout.Pass, nil, nil, rollout.OutcomeAborted, rollout.CauseNotReady},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
			j.state.Spec.Gates = []rollout.GateSpec{{Kind: rollout.GateCommand, Value: "x"}}
			if c.change != nil {
				c.change(&j.state.Spec)
			}
			g := on(j)
			g.answers = map[rollout.GateKind]rollout.Result{rollout.GateCommand: c.answer}
			g.world = c.world
			outcome, s, err := g.drive(t, j.machine, c.engine)
			if err != nil || outcome != c.outcome {
				t.Fatalf("ended %q (%s, %+v): %v", outcome, s.Phase, s.Reason, err)
			}
			switch {
			case c.cause == "" && s.Reason != nil, c.cause != "" && (s.Reason == nil || s.Reason.Cause != c.cause):
				t.Errorf("the reason is %+v", s.Reason)
			}
		})
	}
}

func TestDriftNamesTheManager(t *testing.T) {
	j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
	g := on(j)
	g.world = func(w *rollout.World) {
		if live := w.Live[j.state.Spec.Workload]; j.state.Spec.Workload.Name != "" && g.calls > 20 {
			live.Fields[rollout.TemplateField] = json.RawMessage(`{"spec":{"containers":[{"name":"web","image":"web:v9"}]}}`)
		}
	}
	_, s, err := g.drive(t, j.machine, nil)
	var drift *rollout.DriftError
	if !errors.As(err, &drift) || drift.Manager != "kubectl-edit" {
		t.Fatalf("ended with %v", err)
	}
	if s.Phase.Over() || g.state.Last == nil || g.state.Last.Event != rollout.EventHeld {
		t.Errorf("left in %s, having written down %+v", s.Phase, g.state.Last)
	}
}

// A wish to stop is heard between two writes; the one under way is finished.
func TestInterruptedHolds(t *testing.T) {
	j := newJourney(t, rand.New(rand.NewPCG(3, 1)))
	g := on(j)
	g.take()
	ctx, cancel := context.WithCancel(t.Context())
	writes := 0
	e := &rollout.Engine{Machine: j.machine, Cluster: g, Journal: g, Judge: g, Clock: g, Emit: func(event rollout.Event, _ *rollout.State, _ *rollout.World) {
		if event.Event == rollout.EventWrite {
			if writes++; writes == 2 {
				cancel()
			}
		}
	}}
	outcome, s, err := e.Run(ctx, g.state)
	if err != nil || outcome != rollout.OutcomeInterrupted || s.Phase.Over() || writes != 2 {
		t.Fatalf("ended %q in %s after %d writes: %v", outcome, s.Phase, writes, err)
	}
	if outcome, s, err = g.drive(t, j.machine, nil); err != nil || outcome != rollout.OutcomePromoted {
		t.Fatalf("taken up again: %q in %s: %v", outcome, s.Phase, err)
	}
	j.state = s
	j.endedAs(g.look())
}
