package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Outcome is how a driver's run ended, when nothing went wrong with the driving.
type Outcome string

// Outcomes.
const (
	OutcomePromoted Outcome = "promoted"
	// OutcomeAborted: everything is as it was; State.Reason says whether a person asked or the version failed.
	OutcomeAborted Outcome = "aborted"
	// OutcomePaused: it waits for a decision, and the driver was told not to wait with it.
	OutcomePaused Outcome = "paused"
	// OutcomeInterrupted: held where it was; nobody drives.
	OutcomeInterrupted Outcome = "interrupted"
)

const (
	lookEvery    = time.Second
	lookAtRest   = 3 * time.Second
	askGateEvery = 5 * time.Second
	firstBackoff = 500 * time.Millisecond
	longestWait  = 8 * time.Second
	maxConflicts = 8
	maxRefusals  = 3
	maxUnwritten = 5
	saveTime     = 15 * time.Second
	// gateEnd is how long a driver that leaves waits for gates to be given up: more than a command has to end by itself.
	gateEnd = 5 * time.Second
)

// errWaits says that the rollout waits for a decision with which this driver does not wait.
var errWaits = errors.New("waiting for a decision")

// Engine drives a rollout: it looks, asks the machine, writes down what is
// intended, does it, and looks again. It holds nothing that the journal does
// not; whenever it dies, another goes on.
type Engine struct {
	Machine  *Machine
	Cluster  Cluster
	Journal  Journal
	Judge    Judge
	Diagnose Diagnose
	Clock    Clock
	// Emit is told each event; Look each look at the cluster, with what is waited for.
	Emit func(Event, *State, *World)
	Look func(s *State, w *World, waits string)
	// Requests are wishes of the person at this terminal.
	Requests <-chan Request
	// ExitOnPause leaves when a decision is needed; ExitOnTrouble only when it is because of a failure or an unclear gate.
	ExitOnPause, ExitOnTrouble bool

	s     State
	w     *World
	gates *gateRun
	// asking are the gates that are being asked, given up or not.
	asking sync.WaitGroup
	seen   Event
	// wish is one of the person at this terminal that could not be written down yet.
	wish *Request
	// found is where what is wrong with the version that failed is told, nil where nobody looks.
	found <-chan []finding.Finding
	// claimed says that every object carries the token; unsure that a write under it may be on its way still.
	claimed, unsure bool
	conflicts       int
	refusals        int
	failures        int
	unwritten       int
}

// Run drives from a state that the journal holds until the rollout is over, or
// this driver must stop. Ending ctx holds the rollout where it is: a write under
// way is finished and written down first. The error is a *DriftError,
// *LostError, *ConflictError, *IncompleteError or *UnwritableError, or the API server cannot be worked with.
//
// A driver that takes over gives the phase all of its time again: whatever was
// in the way may have been cleared away since.
func (e *Engine) Run(ctx context.Context, s State) (Outcome, State, error) {
	e.s = s
	e.s.Spent = 0
	e.gates = newGateRun(e.Judge, &e.asking)
	defer e.endGates()
	if s.Phase.Over() { // its driver died before it gave the lead away
		return e.leave(ctx, overAs(s.Phase), nil)
	}
	for {
		if ctx.Err() != nil {
			return e.leave(ctx, OutcomeInterrupted, nil)
		}
		err := e.Journal.Leading(ctx)
		if err == nil && !e.claimed {
			err = e.claim(ctx)
		}
		var done bool
		var outcome Outcome
		if err == nil {
			outcome, done, err = e.turn(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			if stop := e.trouble(ctx, err); stop != nil {
				switch {
				case errors.Is(stop, ErrLost):
					return "", e.s, stop
				case errors.Is(stop, errWaits):
					return e.leave(ctx, OutcomePaused, nil)
				}
				return e.leave(ctx, "", stop)
			}
		case done:
			return e.leave(ctx, outcome, nil)
		}
	}
}

func overAs(p Phase) Outcome {
	if p == Promoted {
		return OutcomePromoted
	}
	return OutcomeAborted
}

// claim marks every object as this driver's. From then on no request under an
// earlier token can change any of them, also not one of this driver's own whose
// answer never came: so the look that follows is the last word on it.
func (e *Engine) claim(ctx context.Context) error {
	if e.unsure {
		if err := e.Journal.Renew(ctx); err != nil {
			return err
		}
		e.unsure = false
	}
	for _, o := range e.s.Managed {
		var drift *DriftError
		err := e.Cluster.Claim(ctx, o, e.Journal.Token(), e.Journal.Before())
		if err != nil && !(errors.As(err, &drift) && drift.Gone) { // what is gone, the next look shows
			return err
		}
	}
	e.claimed = true
	return nil
}

// turn is one look, one decision and what follows from it.
func (e *Engine) turn(ctx context.Context) (Outcome, bool, error) {
	w, err := e.Cluster.Observe(ctx, &e.s)
	if err != nil {
		return "", false, err
	}
	e.w = w
	e.level()
	if err := e.diagnosed(ctx); err != nil {
		return "", false, err
	}
	if err := e.requests(ctx); err != nil {
		return "", false, err
	}
	if answers := e.gates.answers(); len(answers) > 0 {
		if _, err := e.step(ctx, Judged{Answers: answers}); err != nil {
			return "", false, err
		}
	}
	action, err := e.step(ctx, Observed{World: w})
	if err != nil {
		return "", false, err
	}
	switch {
	case action.Drift != nil:
		return "", false, e.drift(ctx, action.Drift)
	case action.Stuck != "":
		return "", false, e.stuck(ctx, action.Stuck)
	case action.Write != nil:
		return "", false, e.apply(ctx, *action.Write)
	case e.s.Phase.Over():
		return overAs(e.s.Phase), true, nil
	case e.leavesPause():
		return OutcomePaused, true, nil
	}
	e.failures, e.conflicts = 0, 0
	if e.Look != nil {
		e.Look(&e.s, w, action.Waits)
	}
	if len(action.Events) > 0 {
		return "", false, nil // a phase began: look at it at once
	}
	e.gates.ask(ctx, action.Gates, e.question(), e.Clock)
	e.rest(ctx)
	return "", false, nil
}

// level tells when ready Pods or the share of the traffic have changed since the last look.
func (e *Engine) level() {
	now := e.Machine.Describe(&e.s, e.w)
	if now.Ready == e.seen.Ready && now.Observed == e.seen.Observed {
		return
	}
	first := e.seen.Time.IsZero()
	if e.seen = now; first {
		return
	}
	now.Event = EventLevel
	now.Message = fmt.Sprintf("%d old and %d new Pods are ready", now.Ready.Old, now.Ready.New)
	e.emit(now)
}

// step lets the machine decide, and writes down what it decided before anything is done about it.
func (e *Engine) step(ctx context.Context, in Input) (Action, error) {
	next, action := e.Machine.Next(e.s, in)
	if next.Reason != nil && e.s.Reason == nil && next.Reason.worthLooking() {
		e.lookInto(ctx, next)
	}
	if next.Phase != e.s.Phase || next.Step != e.s.Step {
		e.gates.stop()
		e.gates = newGateRun(e.Judge, &e.asking)
	}
	if action.Write != nil || !next.writtenDownAs(&e.s) {
		if err := e.save(ctx, &next); err != nil {
			return Action{}, err
		}
		e.unwritten = 0
	}
	e.s = next
	for _, event := range action.Events {
		e.emit(event)
	}
	return action, nil
}

// stuck is a way back that does not come to its end, with what keeps the old version from coming up.
func (e *Engine) stuck(ctx context.Context, message string) error {
	return &IncompleteError{Message: message, Findings: e.diagnosis(ctx, &e.s, e.s.OldHash)}
}

// save does not end with ctx: a driver that is told to stop still writes down where it stands.
func (e *Engine) save(ctx context.Context, s *State) error {
	safe, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	return e.Journal.Save(safe, s)
}

// apply makes a write; what became of it is seen at the next look.
func (e *Engine) apply(ctx context.Context, w Write) error {
	if err := e.Journal.Leading(ctx); err != nil {
		return err
	}
	safe, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	err := e.Cluster.Apply(safe, w, e.Journal.Token())
	if err == nil {
		e.conflicts, e.refusals, e.failures = 0, 0, 0
		event := e.Machine.Describe(&e.s, e.w)
		event.Event, event.Message = EventWrite, string(w.Why)+" "+w.Object.String()
		e.emit(event)
		return nil
	}
	var conflict *ConflictError
	var refused *RefusedError
	if !errors.As(err, &conflict) && !errors.As(err, &refused) {
		e.claimed, e.unsure = false, true
	}
	return err
}

// requests takes up what people have asked for, here or elsewhere.
func (e *Engine) requests(ctx context.Context) error {
	if e.wish == nil {
		select {
		case r := <-e.Requests:
			e.wish = &r
		default:
		}
	}
	if e.wish != nil { // until it is written down
		if _, err := e.step(ctx, Asked{Request: *e.wish, World: e.w}); err != nil {
			return err
		}
		e.wish = nil
	}
	r, err := e.Journal.Asked(ctx)
	if err != nil || r == nil {
		return err
	}
	if _, err := e.step(ctx, Asked{Request: *r, World: e.w}); err != nil {
		return err
	}
	return e.Journal.Took(ctx, *r)
}

func (e *Engine) leavesPause() bool {
	if e.s.Phase != Paused || e.s.Waiting == WaitingTime {
		return false
	}
	trouble := e.s.Waiting == WaitingFailed || e.s.Waiting == WaitingInconclusive
	return e.ExitOnPause || trouble && e.ExitOnTrouble
}

// drift says who it was.
func (e *Engine) drift(ctx context.Context, d *DriftError) error {
	if !d.Gone {
		if manager, at, err := e.Cluster.Who(ctx, d.Object, d.Path); err == nil {
			d.Manager, d.At = manager, at
		}
	}
	return d
}

// trouble decides what an error means: nil to go on, or the error to stop with.
func (e *Engine) trouble(ctx context.Context, err error) error {
	var (
		drift      *DriftError
		conflict   *ConflictError
		refused    *RefusedError
		incomplete *IncompleteError
		unwritable *UnwritableError
	)
	switch {
	case errors.As(err, &drift), errors.As(err, &incomplete), errors.Is(err, ErrLost):
		return err
	case errors.As(err, &refused):
		// Admission may depend on what changes by the second, a quota's use for one.
		if e.refusals++; e.refusals >= maxRefusals {
			return e.refused(ctx, refused.Message)
		}
	case errors.As(err, &unwritable):
		if e.unwritten++; e.unwritten >= maxUnwritten {
			return err
		}
	case errors.As(err, &conflict):
		// Most often the object moved on between the look and the write. Where the mark
		// is gone it is put back, as long as the journal says that this driver leads.
		if e.conflicts++; e.conflicts >= maxConflicts {
			return err
		}
		e.claimed = false
	}
	e.failures++
	event := e.Machine.Describe(&e.s, e.w)
	event.Event, event.Message = EventRetry, err.Error()
	e.emit(event)
	e.pause(ctx, min(firstBackoff<<min(e.failures-1, 6), longestWait))
	return nil
}

// refused lets the machine decide what follows from a refusal that lasts; the
// error is as trouble's.
func (e *Engine) refused(ctx context.Context, message string) error {
	e.refusals = 0
	action, err := e.step(ctx, Refused{Message: message})
	switch {
	case err != nil:
		return e.trouble(ctx, err)
	case action.Stuck != "":
		return e.stuck(ctx, action.Stuck)
	case e.leavesPause(): // the next look would only try the same write again
		return errWaits
	}
	return nil
}

// endGates gives up what is being asked, and waits until it is gone: nobody else
// would end a command that is left behind.
func (e *Engine) endGates() {
	e.gates.stop()
	gone := make(chan struct{})
	go func() {
		e.asking.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-e.Clock.After(gateEnd):
	}
}

// leave gives the lead away. Where the rollout is not over and nothing in it says
// why nobody drives it any more, that is written down too, for whoever asks next;
// but no trouble with that is worth hiding the reason to leave.
func (e *Engine) leave(ctx context.Context, outcome Outcome, why error) (Outcome, State, error) {
	e.gates.stop()
	told := e.lastWord(ctx)
	safe, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if told {
		_ = e.Journal.Save(safe, &e.s) // whoever reads this driver's report is told all the same
	}
	if outcome == OutcomeInterrupted || why != nil {
		last := e.Machine.Describe(&e.s, e.w)
		last.Event, last.Message = EventHeld, "the driver was interrupted"
		if why != nil {
			last.Message = why.Error()
		}
		e.s.Last = &last
		e.emit(last)
		if err := e.Journal.Save(safe, &e.s); err != nil {
			why = cmp.Or(why, err)
		}
	}
	if err := e.Journal.Release(safe); err != nil && !errors.Is(err, ErrLost) {
		why = cmp.Or(why, err)
	}
	if outcome == OutcomeInterrupted {
		why = nil // held all the same; the lease runs out by itself
	}
	return outcome, e.s, why
}

func (e *Engine) question() Question {
	s := &e.s
	q := Question{
		ID: s.ID, Workload: s.Spec.Workload, Strategy: s.Spec.Strategy, Step: s.Step + 1, Asked: s.At().Weight,
		OldHash: s.OldHash, NewHash: s.NewHash, OldImages: s.OldImages, NewImages: s.NewImages, Since: s.Since, Now: e.w.At,
	}
	q.Observed = e.Machine.router.Observed(s, e.w)
	return q
}

// rest waits for the next look, or for something to happen before.
func (e *Engine) rest(ctx context.Context) {
	d := lookEvery
	if e.s.Phase == Paused || e.s.Phase == Keeping {
		d = lookAtRest
	}
	e.pause(ctx, d)
}

func (e *Engine) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-e.gates.came:
	case <-e.Clock.After(d):
	}
}

func (e *Engine) emit(event Event) {
	if e.Emit != nil {
		e.Emit(event, &e.s, e.w)
	}
}

// writtenDownAs says whether the journal already holds all that matters of s in
// before. How long a phase has lasted is no reason to write: a driver that takes
// over gives it that time again.
func (s *State) writtenDownAs(before *State) bool {
	return s.Phase == before.Phase && s.Step == before.Step && s.NewHash == before.NewHash && s.Waiting == before.Waiting &&
		s.Full == before.Full && s.PauseAsked == before.PauseAsked && s.Waived == before.Waived && s.Forgiven == before.Forgiven &&
		s.Forgive == before.Forgive && (s.Reason == nil) == (before.Reason == nil) && (s.Intent == nil) == (before.Intent == nil) &&
		sameCurrent(s.Managed, before.Managed) && sameAnswers(s.Gates, before.Gates)
}

func sameCurrent(a, b []Managed) bool {
	return slices.EqualFunc(a, b, func(x, y Managed) bool {
		return len(difference(x.Current, y.Current)) == 0 && len(x.Current) == len(y.Current)
	})
}

func sameAnswers(a, b map[string]Answer) bool {
	if len(a) != len(b) {
		return false
	}
	for gate, answer := range a {
		if b[gate].Result != answer.Result {
			return false
		}
	}
	return true
}
