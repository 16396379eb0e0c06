package rollout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Machine decides: from a state and what happened to the next state and what to
// do. It is pure; everything that it knows comes in as an Input.
type Machine struct {
	hold   hold
	router TrafficRouter
}

// NewMachine gives the machine for a workload's kind and a router.
func NewMachine(spec Spec, router TrafficRouter) (*Machine, error) {
	h, err := holdFor(spec.Workload.Kind)
	if err != nil {
		return nil, err
	}
	return &Machine{hold: h, router: router}, nil
}

// Objects lists what a rollout may write to, the workload first, with the paths but without any values yet.
func (m *Machine) Objects(spec Spec) []Managed {
	paths := m.hold.paths()
	if spec.Workload.Kind == "Deployment" {
		// Never written; but a Deployment that someone pauses does not move, and that is for its owner to know.
		paths = append(slices.Clone(paths), PausedField)
	}
	return append([]Managed{{Ref: spec.Workload, Paths: paths}}, m.router.Objects(spec)...)
}

// Input is something that happened.
type Input interface{ input() }

// Observed is a fresh look at the cluster.
type Observed struct{ World *World }

// Judged are answers of gates.
type Judged struct{ Answers map[string]Answer }

// Asked is a person's wish, with the last look at the cluster, if there was one.
type Asked struct {
	Request Request
	World   *World
}

// Refused says that the API server will not have the write that was intended.
type Refused struct{ Message string }

func (Observed) input() {}
func (Judged) input()   {}
func (Asked) input()    {}
func (Refused) input()  {}

// Action is what to do next.
type Action struct {
	// Write is made first, if there is one; it is State.Intent, and is to be written down before.
	Write *Write
	// Gates are to be asked.
	Gates []GateSpec
	// Drift stops the driver: someone else writes.
	Drift *DriftError
	// Stuck stops the driver: the way back does not come to its end. It says what is waited for.
	Stuck string
	// Waits says what is waited for otherwise.
	Waits string
	// Events are to be told, in this order.
	Events []Event
}

// Next is the machine's one step. The given state is left as it is.
func (m *Machine) Next(s State, in Input) (State, Action) {
	next := s.clone()
	t := &turn{Machine: m, s: &next}
	if next.Phase.Over() {
		return next, t.action
	}
	switch in := in.(type) {
	case Observed:
		t.w = in.World
		t.observed()
	case Judged:
		for gate, answer := range in.Answers {
			before := next.Gates[gate]
			if next.Phase != Judging {
				break // the question does not stand any more
			}
			next.Gates[gate] = answer
			if before.Result != answer.Result || before.Message != answer.Message {
				t.tell(EventGate, gate, string(answer.Result)+after(answer.Message))
			}
		}
	case Asked:
		t.w = in.World
		t.asked(in.Request)
	case Refused:
		next.Intent = nil
		if next.Phase == Aborting {
			t.action.Stuck = in.Message
		} else {
			t.fail(Reason{Cause: CauseRefused, Message: in.Message})
		}
	}
	return next, t.action
}

// turn is one run of Next.
type turn struct {
	*Machine
	s      *State
	w      *World
	action Action
}

func (t *turn) observed() {
	s, w := t.s, t.w
	if t.action.Drift = s.confirm(w); t.action.Drift != nil {
		return
	}
	if live, ok := w.Live[s.Spec.Workload]; ok && live.UID != s.Workload().UID {
		gone := *w // another workload of the same name is not this one
		gone.Workload, w, t.w = nil, &gone, &gone
	}
	s.learn(w)
	s.account(w)
	if t.guard() {
		return
	}
	switch s.Phase {
	case Starting:
		t.start()
	case Shifting:
		if t.tend() {
			t.cue(CueReached)
		}
	case Judging:
		if t.tend() {
			t.judge()
		}
	case Paused:
		if t.tend() {
			t.pause()
		}
	case Keeping:
		if t.tend() {
			t.keep()
		}
	case Releasing:
		t.release()
	case Aborting:
		t.abort()
	case Promoted, Aborted:
	}
}

// start pins the routes, so that the new version gets nothing before it is meant to.
func (t *turn) start() {
	if write := t.router.Set(t.s, t.w, 0); write != nil {
		t.write(write)
		return
	}
	if v := t.router.Verify(t.s, t.w, 0); v.Level != InEndpoints {
		t.wait(v.Waits)
		return
	}
	t.cue(CuePinned)
}

// tend brings Pods and traffic to the step's level, and says whether they are
// there. It goes on through pauses, for the number of replicas may change at any
// time. Capacity comes before weight.
func (t *turn) tend() bool {
	s, w := t.s, t.w
	at := t.hold.toward(s, w, t.mix())
	if at.write != nil || at.settled {
		if lag := cmp.Or(t.lag(), t.young()); lag != "" {
			t.wait(lag)
			return false
		}
	}
	if at.write != nil {
		t.write(at.write)
		return false
	}
	if !at.settled {
		t.wait(at.waits)
		return false
	}
	weight := s.At().Weight
	if write := t.router.Set(s, w, weight); write != nil {
		t.write(write)
		return false
	}
	if v := t.router.Verify(s, w, weight); v.Level != InEndpoints && v.Level != Seen {
		t.wait(v.Waits)
		return false
	}
	s.Spent = 0
	return true
}

// lag says which Service does not show all ready new Pods yet, though it selects
// them: a Pod that is ready carries nothing before that, and no old one may go in
// its place.
func (t *turn) lag() string {
	if t.s.NewHash == "" {
		return ""
	}
	for _, v := range t.w.Services {
		if pinnedTo(v) == "" || pinnedTo(v) == t.s.NewHash {
			if shown := v.Ready[t.s.NewHash]; shown < t.w.New.Ready {
				return fmt.Sprintf("service/%s shows %d of %d ready new Pods", v.Name, shown, t.w.New.Ready)
			}
		}
	}
	return ""
}

// young says that a new Pod has not been ready for as long as the workload asks
// before a Pod counts (minReadySeconds, which the hold has made endless).
func (t *turn) young() string {
	var least int64
	if raw := t.s.Workload().Original[MinReadyField]; len(raw) == 0 || json.Unmarshal(raw, &least) != nil {
		return ""
	}
	wait := time.Duration(least) * time.Second
	if t.w.New.Ready == 0 || t.w.New.Youngest.IsZero() || t.w.At.Sub(t.w.New.Youngest) >= wait {
		return ""
	}
	return "every new Pod to be ready for " + short(wait)
}

// pinnedTo is the version that a Service's selector is limited to; empty where it takes all.
func pinnedTo(v ServiceView) string {
	return v.Selects[templateHashOfPods] + v.Selects[revisionHashOfPods]
}

// mix is how many Pods of each version the step asks for.
func (t *turn) mix() Mix {
	if t.w.Workload == nil {
		return Mix{}
	}
	return t.mixFor(t.s.Spec, t.w.Workload.Replicas, t.s.At().Weight)
}

func (m *Machine) mixFor(spec Spec, replicas int, weight Weight) Mix {
	if spec.Strategy == BlueGreen {
		return Mix{Old: replicas, New: replicas}
	}
	return m.hold.reach(replicas, spec.MaxSurge, weight)
}

// judge asks the step's gates, and goes on when all have passed.
func (t *turn) judge() {
	s := t.s
	if s.PauseAsked {
		t.rest(WaitingAsked, CuePause)
		return
	}
	if s.Full || s.Waived {
		t.advance(CuePassed)
		return
	}
	var open []GateSpec
	person := false
	for _, g := range s.gates() {
		answer := s.Gates[g.String()]
		switch {
		case g.Kind == GatePerson:
			person = true
		case answer.Result == Fail:
			t.fail(Reason{Cause: CauseGate, Gate: g.String(), Message: answer.Message})
			return
		case answer.Result == Inconclusive:
			s.Reason = &Reason{Cause: CauseNoAnswer, Gate: g.String(), Message: answer.Message}
			t.rest(WaitingInconclusive, CueUnclear)
			return
		case answer.Result != Pass:
			open = append(open, g)
		}
	}
	if len(open) > 0 {
		t.ask(open)
		return
	}
	switch pause := s.At().Pause; {
	case person || pause.Manual:
		t.rest(WaitingPerson, CuePause)
	case pause.For > 0:
		t.rest(WaitingTime, CuePause)
	default:
		t.advance(CuePassed)
	}
}

// ask lets open gates be asked, but not for ever: one that has no data all the
// time that a step may take has not passed, and has not failed either.
func (t *turn) ask(open []GateSpec) {
	s := t.s
	if t.w.At.Sub(s.Since) > s.Spec.Timeout.Std() {
		for _, g := range open {
			if answer := s.Gates[g.String()]; answer.Result == NoData {
				s.Reason = &Reason{Cause: CauseNoAnswer, Gate: g.String(), Message: answer.Message}
				t.rest(WaitingInconclusive, CueUnclear)
				return
			}
		}
	}
	t.action.Gates = open
	t.action.Waits = "gate " + open[0].String()
}

func (t *turn) pause() {
	s := t.s
	switch s.Waiting {
	case WaitingTime:
		if end := s.Since.Add(s.At().Pause.For.Std()); t.w.At.Before(end) {
			t.action.Waits = "until " + end.UTC().Format(time.TimeOnly)
			return
		}
		if s.PauseAsked {
			t.rest(WaitingAsked, CuePause)
			return
		}
		t.advance(CueContinue)
	case WaitingPerson, WaitingInconclusive, WaitingFailed, WaitingAsked:
		t.action.Waits = "a person"
	}
}

func (t *turn) keep() {
	s := t.s
	switch end := s.Since.Add(s.Spec.Keep.Std()); {
	case s.Full:
		t.cue(CueKept)
	case s.PauseAsked:
		t.action.Waits = "a person"
	case t.w.At.Before(end):
		t.action.Waits = "the old version is kept until " + end.UTC().Format(time.TimeOnly)
	default:
		t.cue(CueKept)
	}
}

// advance goes to the next step, or beyond the last.
func (t *turn) advance(on Cue) {
	s := t.s
	s.Waived, s.Reason = false, nil
	switch {
	case !s.IsLast():
		s.Step++
		t.cue(on)
	case s.Spec.Strategy == BlueGreen && s.Spec.Keep > 0 && !s.Full:
		t.cue(CueAllKeep)
	default:
		t.cue(CueAll)
	}
}

// release ends the hold, then gives the routes back as they were, then takes the marks off.
func (t *turn) release() {
	at := t.hold.release(t.s, t.w)
	switch {
	case at.write != nil:
		t.write(at.write)
	case !at.settled:
		t.wait(at.waits)
	case t.tidy():
		t.cue(CueDone)
	}
}

// abort puts everything back: first the traffic, as far as the old version can
// carry it; where it cannot alone, both versions carry it until it can.
func (t *turn) abort() {
	s, w := t.s, t.w
	if w.Workload != nil && s.NewHash != "" { // before that, the new version cannot have got anything
		if write := t.router.Set(s, w, 0); write != nil {
			t.write(write)
			return
		}
		switch v := t.router.Verify(s, w, 0); v.Level {
		case Unwritten:
			if write := t.router.Restore(s, w); write != nil {
				t.write(write)
				return
			}
		case InEndpoints, Seen:
		default:
			t.wait(v.Waits)
			return
		}
	}
	at := t.hold.back(s, w)
	switch {
	case at.write != nil:
		t.write(at.write)
	case !at.settled:
		t.wait(at.waits)
	case t.tidy():
		t.cue(CueRestored)
	}
}

// tidy restores the routes and takes the marks off; true when nothing is left to do.
func (t *turn) tidy() bool {
	if write := t.router.Restore(t.s, t.w); write != nil {
		t.write(write)
		return false
	}
	for _, o := range t.s.Managed {
		live, exists := t.w.Live[o.Ref]
		if exists && live.Marked && live.UID == o.UID {
			t.write(&Write{Object: o.Ref, UID: o.UID, Generation: live.Generation, Why: PurposeUnmark,
				Changes: []Change{{Path: MarkField, From: quote(live.Token)}}})
			return false
		}
	}
	return true
}

// guard watches over the new version wherever it may carry traffic. It says
// whether the rollout turned.
func (t *turn) guard() bool {
	s, w := t.s, t.w
	if s.Phase == Aborting {
		if s.Spent > s.Spec.Timeout {
			t.action.Stuck = t.stuckOn()
		}
		return false
	}
	if w.Workload == nil {
		t.fail(Reason{Cause: CauseGone})
		return true
	}
	if s.Forgive {
		s.Forgive, s.Forgiven = false, w.New.Restarts
	}
	if s.Phase == Paused && s.Waiting == WaitingFailed {
		return false
	}
	if n := w.New.Restarts - s.Forgiven; s.NewHash != "" && n > s.Spec.MaxRestarts {
		t.fail(Reason{Cause: CauseRestarts, Message: cmp.Or(w.New.Ended, restarts(n))})
		return true
	}
	if s.Spent > s.Spec.Timeout {
		t.fail(Reason{Cause: CauseNotReady, Message: t.stuckOn()})
		return true
	}
	return false
}

// stuckOn says what the present phase waits for.
func (t *turn) stuckOn() string {
	var at move
	switch t.s.Phase {
	case Aborting:
		at = t.hold.back(t.s, t.w)
	case Releasing:
		at = t.hold.release(t.s, t.w)
	default:
		at = t.hold.toward(t.s, t.w, t.mix())
		if at.settled {
			at.waits = t.router.Verify(t.s, t.w, t.s.At().Weight).Waits
		}
	}
	return at.waits
}

// asked does what a person asks, where the phase lets it.
func (t *turn) asked(r Request) {
	s := t.s
	t.tell(EventAsked, "", fmt.Sprintf("%s, by %s", r.Do, r.By))
	if asked := &t.action.Events[len(t.action.Events)-1]; r.At.After(asked.Time) {
		asked.Time = r.At
	}
	switch r.Do {
	case AskAbort:
		if s.Phase != Aborting {
			s.Reason = &Reason{Cause: CauseAsked, By: r.By}
			t.cue(CueAskedToAbort)
		}
	case AskPause:
		s.PauseAsked = s.Phase != Releasing && s.Phase != Aborting
	case AskPromote, AskFull:
		s.Full = s.Full || r.Do == AskFull
		s.PauseAsked = false
		t.goOn()
	case AskResume:
		s.PauseAsked = false
		if s.Phase == Paused {
			t.resume()
		}
	}
}

// goOn passes what the rollout waits for.
func (t *turn) goOn() {
	s := t.s
	switch s.Phase {
	case Paused:
		s.Forgive = s.Waiting == WaitingFailed
		t.advance(CueContinue)
	case Keeping:
		t.cue(CueKept)
	case Starting, Shifting, Judging:
		s.Waived = true
	case Releasing, Aborting, Promoted, Aborted:
	}
}

// resume ends a pause that a person asked for, or that trouble made, by judging
// again. A planned pause goes on: whoever takes over a rollout has not approved
// of it by that; its time passes it, or promote does.
func (t *turn) resume() {
	s := t.s
	switch s.Waiting {
	case WaitingTime, WaitingPerson:
	case WaitingInconclusive, WaitingFailed, WaitingAsked:
		s.Forgive = s.Waiting == WaitingFailed
		s.Reason = nil
		t.cue(CueAgain)
	}
}

// fail turns back, or holds for a person to look, as asked.
func (t *turn) fail(r Reason) {
	s := t.s
	s.Reason = &r
	t.tell(EventFailed, r.Gate, cmp.Or(r.Message, string(r.Cause)))
	if s.Spec.OnFail == HoldOnFail && r.Cause != CauseGone {
		t.rest(WaitingFailed, CueFailedHold)
		return
	}
	t.cue(CueFailed)
}

func (t *turn) rest(why Waiting, on Cue) {
	t.s.Waiting = why
	t.cue(on)
}

// cue follows an edge, and clears what belonged to the phase before.
func (t *turn) cue(on Cue) {
	s := t.s
	to, ok := follow(s.Phase, on)
	if !ok {
		return
	}
	if to != s.Phase || on == CueContinue {
		s.Since = t.now()
	}
	s.Phase, s.Spent, s.Best = to, 0, 0
	if to != Paused {
		s.Waiting = ""
	}
	if to == Shifting || on == CueAgain {
		s.Gates = map[string]Answer{}
	}
	kind := EventPhase
	switch {
	case to.Over():
		kind = EventOver
	case to == Shifting:
		kind = EventStep
	}
	t.tell(kind, "", string(on))
}

// now is the API server's clock as last seen.
func (t *turn) now() time.Time {
	if t.w != nil {
		return t.w.At
	}
	return t.s.Seen
}

// write decides on a write, under the preconditions that follow from what was seen.
func (t *turn) write(w *Write) {
	s := t.s
	if o := s.Object(w.Object); o != nil {
		live := t.w.Live[w.Object]
		w.UID, w.Generation, w.Version = o.UID, live.Generation, ""
		if live.Generation == 0 {
			w.Version = live.Version
		}
	}
	s.Intent = w
	t.action.Write = w
}

func (t *turn) wait(what string) { t.action.Waits = what }
