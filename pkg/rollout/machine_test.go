package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A machine whose workload and routes do as they are told, so that only the machine's own judgement is tested.
type script struct {
	toward, release, back move
	set, restore          *Write
	level                 Level
}

func (s *script) paths() []Pointer { return []Pointer{TemplateField} }
func (s *script) reach(n, _ int, asked Weight) Mix {
	return Mix{Old: n - int(asked)*n/100, New: int(asked) * n / 100}
}
func (s *script) Objects(Spec) []Managed            { return nil }
func (s *script) Reach(_ Weight, m Mix) Weight      { return m.Share() }
func (s *script) Set(*State, *World, Weight) *Write { return s.set }
func (s *script) Verify(*State, *World, Weight) Verification {
	return Verification{Level: s.level, Waits: "the route"}
}
func (s *script) Restore(*State, *World) *Write  { return s.restore }
func (s *script) Observed(*State, *World) Weight { return 0 }

type scriptHold struct{ *script }

func (s scriptHold) toward(*State, *World, Mix) move { return s.script.toward }
func (s scriptHold) release(*State, *World) move     { return s.script.release }
func (s scriptHold) back(*State, *World) move        { return s.script.back }

var (
	web     = Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	oldSpec = json.RawMessage(`{"v":1}`)
	newSpec = json.RawMessage(`{"v":2}`)
)

func settled() *script {
	there := move{settled: true}
	return &script{toward: there, release: there, back: there, level: InEndpoints}
}

func (s *script) machine() *Machine { return &Machine{hold: scriptHold{s}, router: s} }

// at is a rollout of two steps in a phase, with the new template written.
func at(p Phase, change ...func(*State)) State {
	s := State{
		ID: "r1", Phase: p, Since: noon, Seen: noon, OldHash: "aaa", NewHash: "bbb", Template: newSpec, Replicas: 4,
		Spec: Spec{Workload: web, Strategy: Canary, Via: ViaRatio, Steps: []Step{{Weight: 50}, {Weight: 100}}, OnFail: Rollback,
			Timeout: Duration(time.Minute), MaxSurge: 1},
		Managed: []Managed{{Ref: web, UID: "u1", Paths: []Pointer{TemplateField}, Original: Fields{TemplateField: oldSpec}, Current: Fields{TemplateField: newSpec}}},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func seen(change ...func(*World)) *World {
	w := &World{
		At:       noon.Add(time.Second),
		Workload: &Workload{Generation: 2, Observed: 2, Replicas: 4, UpdateHash: "bbb"},
		Old:      Version{Hash: "aaa", Ready: 2}, New: Version{Hash: "bbb", Ready: 2},
		Live: map[Ref]Live{web: {UID: "u1", Generation: 2, Token: "t", Marked: true, Fields: Fields{TemplateField: newSpec}}},
	}
	for _, c := range change {
		c(w)
	}
	return w
}

func unmarked(w *World) { l := w.Live[web]; l.Marked = false; w.Live[web] = l }

func TestEveryEdge(t *testing.T) {
	last := func(s *State) { s.Step = 1 }
	hold := func(s *State) { s.Spec.OnFail = HoldOnFail }
	late := func(s *State) { s.Spent, s.Best = Duration(2*time.Minute), 2 }
	green := func(s *State) { s.Spec.Strategy, s.Spec.Keep = BlueGreen, Duration(time.Minute) }
	gate := func(r Result) func(*State) {
		return func(s *State) {
			s.Spec.Gates = []GateSpec{{Kind: GateCommand, Value: "./smoke.sh"}}
			s.Gates = map[string]Answer{"command=./smoke.sh": {Result: r}}
		}
	}
	waiting := func(w Waiting) func(*State) { return func(s *State) { s.Waiting = w } }
	look := func(change ...func(*World)) Input { return Observed{seen(change...)} }
	ask := func(a Ask) Input { return Asked{Request: Request{Do: a, By: "kim"}} }
	unsettled := func(s *script) { s.toward, s.release = move{waits: "Pods"}, move{waits: "Pods"} }
	later := func(w *World) { w.At = noon.Add(time.Hour) }
	cases := []struct {
		edge   Edge
		state  State
		script func(*script)
		in     Input
	}{
		{Edge{Starting, CuePinned, Shifting}, at(Starting), nil, look()},
		{Edge{Starting, CueFailed, Aborting}, at(Starting), nil, Refused{"no"}},
		{Edge{Starting, CueFailedHold, Aborting}, at(Starting, hold), nil, Refused{"no"}},
		{Edge{Starting, CueAskedToAbort, Aborting}, at(Starting), nil, ask(AskAbort)},
		{Edge{Shifting, CueReached, Judging}, at(Shifting, func(s *State) { s.Managed[0].Original[MinReadyField] = json.RawMessage("20") }), nil,
			look(func(w *World) { w.New.Youngest = noon.Add(-19 * time.Second) })},
		{Edge{Shifting, CueFailed, Aborting}, at(Shifting, late), unsettled, look()},
		{Edge{Shifting, CueFailedHold, Paused}, at(Shifting, late, hold), unsettled, look()},
		{Edge{Shifting, CueAskedToAbort, Aborting}, at(Shifting), nil, ask(AskAbort)},
		{Edge{Judging, CuePassed, Shifting}, at(Judging, gate(Pass)), nil, look()},
		{Edge{Judging, CuePause, Paused}, at(Judging, func(s *State) { s.Spec.Steps[0].Pause.Manual = true }), nil, look()},
		{Edge{Judging, CueUnclear, Paused}, at(Judging, gate(Inconclusive)), nil, look()},
		{Edge{Judging, CueAllKeep, Keeping}, at(Judging, last, green), nil, look()},
		{Edge{Judging, CueAll, Releasing}, at(Judging, last), nil, look()},
		{Edge{Judging, CueFailed, Aborting}, at(Judging, gate(Fail)), nil, look()},
		{Edge{Judging, CueFailedHold, Paused}, at(Judging, gate(Fail), hold), nil, look()},
		{Edge{Judging, CueAskedToAbort, Aborting}, at(Judging), nil, ask(AskAbort)},
		{Edge{Paused, CueContinue, Shifting}, at(Paused, waiting(WaitingTime)), nil, look(later)},
		{Edge{Paused, CuePause, Paused}, at(Paused, waiting(WaitingTime), func(s *State) { s.PauseAsked = true }), nil, look(later)},
		{Edge{Paused, CueAgain, Judging}, at(Paused, waiting(WaitingFailed)), nil, ask(AskResume)},
		{Edge{Paused, CueAllKeep, Keeping}, at(Paused, last, green, waiting(WaitingPerson)), nil, ask(AskPromote)},
		{Edge{Paused, CueAll, Releasing}, at(Paused, last, waiting(WaitingPerson)), nil, ask(AskPromote)},
		{Edge{Paused, CueFailed, Aborting}, at(Paused, waiting(WaitingPerson)), nil, look(func(w *World) { w.New.Restarts = 1 })},
		{Edge{Paused, CueFailedHold, Paused}, at(Paused, hold, waiting(WaitingPerson)), nil, look(func(w *World) { w.New.Restarts = 1 })},
		{Edge{Paused, CueAskedToAbort, Aborting}, at(Paused, waiting(WaitingPerson)), nil, ask(AskAbort)},
		{Edge{Keeping, CueKept, Releasing}, at(Keeping, last, green), nil, look(later)},
		{Edge{Keeping, CueFailed, Aborting}, at(Keeping, last, green), nil, look(func(w *World) { w.New.Restarts = 1 })},
		{Edge{Keeping, CueFailedHold, Paused}, at(Keeping, last, green, hold), nil, look(func(w *World) { w.New.Restarts = 1 })},
		{Edge{Keeping, CueAskedToAbort, Aborting}, at(Keeping, last, green), nil, ask(AskAbort)},
		{Edge{Releasing, CueDone, Promoted}, at(Releasing, last), nil, look(unmarked)},
		{Edge{Releasing, CueFailed, Aborting}, at(Releasing, last, late), unsettled, look()},
		{Edge{Releasing, CueFailedHold, Aborting}, at(Releasing, last, late, hold), unsettled, look()},
		{Edge{Releasing, CueAskedToAbort, Aborting}, at(Releasing, last), nil, ask(AskAbort)},
		{Edge{Aborting, CueRestored, Aborted}, at(Aborting), nil, look(unmarked)},
	}
	tested := map[Edge]bool{}
	for _, c := range cases {
		tested[c.edge] = true
		t.Run(fmt.Sprintf("%s: %s", c.edge.From, c.edge.On), func(t *testing.T) {
			s := settled()
			if c.script != nil {
				c.script(s)
			}
			before, err := json.Marshal(c.state)
			if err != nil {
				t.Fatal(err)
			}
			next, action := s.machine().Next(c.state, c.in)
			if next.Phase != c.edge.To {
				t.Fatalf("went to %s", next.Phase)
			}
			if !slices.ContainsFunc(action.Events, func(e Event) bool { return e.Message == string(c.edge.On) }) {
				t.Errorf("told %+v, not why", action.Events)
			}
			if after, _ := json.Marshal(c.state); !bytes.Equal(after, before) {
				t.Errorf("the given state was changed:\n%s\n%s", before, after)
			}
		})
	}
	for _, e := range Edges() {
		if !tested[e] {
			t.Errorf("no test for the edge from %s to %s when %s", e.From, e.To, e.On)
		}
	}
	if len(Edges()) != len(tested) {
		t.Errorf("%d edges, %d tested", len(Edges()), len(tested))
	}
}

func TestMachineStaysWhereItIs(t *testing.T) {
	waits := move{waits: "Pods"}
	cases := []struct {
		name   string
		state  State
		script func(*script)
		in     Input
		gates  int
		waits  string
	}{
		{"while Pods are not there", at(Shifting), func(s *script) { s.toward = waits }, Observed{seen()}, 0, "Pods"},
		{"while endpoints lag", at(Shifting), func(s *script) { s.level = Written }, Observed{seen()}, 0, "the route"},
		{"while a gate is open", at(Judging, func(s *State) { s.Spec.Gates = []GateSpec{{Kind: GateTime, Value: "1m"}} }), nil, Observed{seen()}, 1, "gate time=1m"},
		{"a gate without data is asked again", at(Judging, func(s *State) {
			s.Spec.Gates = []GateSpec{{Kind: GateWebhook, Value: "x"}}
			s.Gates = map[string]Answer{"webhook=x": {Result: NoData}}
		}), nil, Observed{seen()}, 1, "gate webhook=x"},
		{"an old Pod stays while the Service does not show the new one", at(Shifting),
			func(s *script) { s.toward = move{write: &Write{Object: web, Why: PurposeMove}} },
			Observed{seen(func(w *World) { w.Services = []ServiceView{{Name: "web", Ready: map[string]int{"aaa": 2, "bbb": 1}}} })}, 0, "service/web shows 1 of 2 ready new Pods"},
		{"a planned pause is not passed by whoever takes over", at(Paused, func(s *State) { s.Waiting = WaitingPerson }), nil, Asked{Request: Request{Do: AskResume}}, 0, ""},
		{"new Pods that are ready for less than minReadySeconds", at(Shifting, func(s *State) { s.Managed[0].Original[MinReadyField] = json.RawMessage("20") }), nil,
			Observed{seen(func(w *World) { w.New.Youngest = noon.Add(-18 * time.Second) })}, 0, "every new Pod to be ready for 20s"},
		{"until a person comes", at(Paused, func(s *State) { s.Waiting = WaitingPerson }), nil, Observed{seen(func(w *World) { w.At = noon.Add(time.Hour) })}, 0, "a person"},
		{"restarts that were allowed", at(Shifting, func(s *State) { s.Spec.MaxRestarts = 2 }), func(s *script) { s.toward = waits },
			Observed{seen(func(w *World) { w.New.Restarts = 2 })}, 0, "Pods"},
		{"a held failure is not failed again", at(Paused, func(s *State) { s.Waiting = WaitingFailed }), nil,
			Observed{seen(func(w *World) { w.New.Restarts = 9 })}, 0, "a person"},
		{"the old version is kept", at(Keeping, func(s *State) { s.Spec.Keep = Duration(time.Minute) }), nil, Observed{seen()}, 0, "the old version is kept until 12:01:00"},
		{"the old version is kept for a person who asked to pause", at(Keeping, func(s *State) { s.Spec.Keep, s.PauseAsked = Duration(time.Minute), true }), nil,
			Observed{seen(func(w *World) { w.At = noon.Add(time.Hour) })}, 0, "a person"},
		{"a wish to pause has no meaning on the way back", at(Aborting), func(s *script) { s.back = waits }, Asked{Request: Request{Do: AskPause}}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := settled()
			if c.script != nil {
				c.script(s)
			}
			next, action := s.machine().Next(c.state, c.in)
			if next.Phase != c.state.Phase || action.Write != nil || action.Drift != nil {
				t.Fatalf("went to %s with %+v", next.Phase, action)
			}
			if len(action.Gates) != c.gates || action.Waits != c.waits {
				t.Errorf("asks %d gates and waits for %q", len(action.Gates), action.Waits)
			}
		})
	}
}

// A timeout counts what was seen. A driver that could not look for an hour has not seen an hour of failure.
func TestTimeThatWasNotSeenDoesNotCount(t *testing.T) {
	s := settled()
	s.toward = move{waits: "Pods"}
	next, _ := s.machine().Next(at(Shifting), Observed{seen(func(w *World) { w.At = noon.Add(time.Hour) })})
	if next.Phase != Shifting {
		t.Fatalf("one look after an hour went to %s", next.Phase)
	}
	now := noon.Add(time.Hour)
	for range 20 {
		now = now.Add(5 * time.Second)
		next, _ = s.machine().Next(next, Observed{seen(func(w *World) { w.At = now })})
	}
	if next.Phase != Aborting || next.Reason == nil || next.Reason.Cause != CauseNotReady {
		t.Errorf("after 100 s of looking: %s, %+v", next.Phase, next.Reason)
	}
}

func TestDriftStops(t *testing.T) {
	foreign := json.RawMessage(`{"v":3}`)
	live := func(f json.RawMessage) func(*World) {
		return func(w *World) { l := w.Live[web]; l.Fields = Fields{TemplateField: f}; w.Live[web] = l }
	}
	for _, p := range []Phase{Starting, Shifting, Judging, Paused, Keeping, Releasing, Aborting} {
		next, action := settled().machine().Next(at(p, func(s *State) { s.Waiting = WaitingPerson }), Observed{seen(live(foreign))})
		if action.Drift == nil || action.Drift.Path != TemplateField || action.Write != nil || next.Phase != p {
			t.Errorf("%s: a foreign template gave %+v", p, action)
		}
	}
	// A write on its way is no drift, whether it has arrived or not.
	intent := func(s *State) {
		s.Intent = &Write{Object: web, Changes: []Change{{Path: TemplateField, From: newSpec, To: foreign}}}
	}
	for _, f := range []json.RawMessage{newSpec, foreign} {
		next, action := settled().machine().Next(at(Shifting, intent), Observed{seen(live(f))})
		if action.Drift != nil {
			t.Errorf("own write taken for drift: %v", action.Drift)
		}
		if got := next.Workload().Current[TemplateField]; !Same(got, f) {
			t.Errorf("current is %s, live is %s", got, f)
		}
	}
	// Another object under the same name is not the one whose fields were recorded.
	_, action := settled().machine().Next(at(Shifting), Observed{seen(func(w *World) { l := w.Live[web]; l.UID = "u2"; w.Live[web] = l })})
	if action.Drift == nil || !action.Drift.Gone {
		t.Errorf("a workload made anew gave %+v", action)
	}
}

// Every write carries what it was decided on.
func TestWritesCarryPreconditions(t *testing.T) {
	s := settled()
	s.toward = move{write: &Write{Object: web, Why: PurposeMove}}
	next, action := s.machine().Next(at(Shifting), Observed{seen()})
	if action.Write == nil || action.Write.UID != "u1" || action.Write.Generation != 2 || action.Write.Version != "" {
		t.Fatalf("wrote %+v", action.Write)
	}
	if next.Intent == nil || next.Intent.Why != PurposeMove {
		t.Errorf("the intent was not kept: %+v", next.Intent)
	}
	_, action = s.machine().Next(at(Shifting), Observed{seen(func(w *World) {
		l := w.Live[web]
		l.Generation, l.Version = 0, "77"
		w.Live[web] = l
	})})
	if action.Write.Version != "77" {
		t.Errorf("an object without generation is written with %+v", action.Write)
	}
}

// A Service that is pinned to the old version shows no new Pod, and is not waited for.
func TestPinnedServiceIsNotWaitedFor(t *testing.T) {
	s := settled()
	s.toward = move{write: &Write{Object: web, Why: PurposeMove}}
	_, action := s.machine().Next(at(Shifting), Observed{seen(func(w *World) {
		w.Services = []ServiceView{{Name: "web", Selects: map[string]string{"app": "web", templateHashOfPods: "aaa"}, Ready: map[string]int{"aaa": 2}}}
	})})
	if action.Write == nil {
		t.Errorf("waits for %q", action.Waits)
	}
}

func TestWorkloadDeletedOnTheWay(t *testing.T) {
	next, _ := settled().machine().Next(at(Paused, func(s *State) { s.Waiting = WaitingPerson; s.Spec.OnFail = HoldOnFail }),
		Observed{seen(func(w *World) { w.Workload = nil; w.Live = map[Ref]Live{} })})
	if next.Phase != Aborting || next.Reason == nil || next.Reason.Cause != CauseGone {
		t.Errorf("went to %s because of %+v", next.Phase, next.Reason)
	}
}

// A pause that is asked for while a planned one lasts is one at the end of this
// step, not of the next: no more traffic moves before a person says so.
func TestPauseAskedForInAPlannedPause(t *testing.T) {
	m := settled().machine()
	paused := at(Paused, func(s *State) { s.Waiting = WaitingTime; s.Spec.Steps[0].Pause.For = Duration(time.Minute) })
	s, _ := m.Next(paused, Asked{Request: Request{Do: AskPause, By: "kim"}})
	for _, later := range []time.Duration{2 * time.Minute, 3 * time.Minute} {
		s, _ = m.Next(s, Observed{seen(func(w *World) { w.At = noon.Add(later) })})
		if s.Phase != Paused || s.Waiting != WaitingAsked || s.Step != 0 {
			t.Fatalf("after %s: %s, waiting for %q, at step %d", later, s.Phase, s.Waiting, s.Step)
		}
	}
	if s, _ = m.Next(s, Asked{Request: Request{Do: AskPromote, By: "kim"}}); s.Phase != Shifting || s.Step != 1 {
		t.Errorf("promoted to %s of step %d", s.Phase, s.Step)
	}
	// Taken back in time, it is no pause at all.
	s, _ = m.Next(paused, Asked{Request: Request{Do: AskPause, By: "kim"}})
	s, _ = m.Next(s, Asked{Request: Request{Do: AskResume, By: "kim"}})
	if s, _ = m.Next(s, Observed{seen(func(w *World) { w.At = noon.Add(2 * time.Minute) })}); s.Phase != Shifting {
		t.Errorf("resumed, and then %s waiting for %q", s.Phase, s.Waiting)
	}
}
