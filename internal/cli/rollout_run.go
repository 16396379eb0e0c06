package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// heardEvery is how often someone who has told a driver something looks whether it has heard.
const heardEvery = 500 * time.Millisecond

// wallClock waits; what is written down is the API server's time.
type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// runRolloutStart is plan, canary and bluegreen.
func (a *app) runRolloutStart(ctx context.Context, o startOptions) error {
	c, err := a.connectRollouts()
	if err != nil {
		return err
	}
	return a.start(ctx, c, o)
}

func (a *app) start(ctx context.Context, c *rollouts, o startOptions) error {
	// Whoever grants a step more time than a command has grants it to the plan too; no other flag could.
	a.global.timeout = max(a.global.timeout, o.spec.Timeout.Std())
	if o.spec.Workload.Namespace == "" {
		o.spec.Workload.Namespace = c.namespace
	}
	p, err := a.planRollout(ctx, c, o)
	if err != nil || o.planOnly {
		return err
	}
	a.announce(p.plan)
	lead, state, err := c.lead(ctx, a, p.state.Spec.Workload, p.state)
	if err != nil {
		return err
	}
	d := &drive{app: a, machine: p.machine, lead: lead, state: *state, me: c.me, events: o.events, exitOnPause: o.exitOnPause, mayAsk: gate.Only(gate.Reaching(p.state.Spec))}
	return d.run(ctx, c)
}

// planRollout makes the plan, and writes it where that is all or where it is refused.
func (a *app) planRollout(ctx context.Context, c *rollouts, o startOptions) (*prepared, error) {
	within, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	defer done()
	held, err := c.record(within, o.spec.Workload)
	if err != nil {
		return nil, err
	}
	if held.underWay() && !o.planOnly {
		return nil, a.refuseUnderWay(held)
	}
	holder := held.holder()
	if holder != nil && !holder.Driving {
		// What cannot be looked at is left out: that the rollout is abandoned refuses the plan anyway.
		holder.Drift, _ = c.driftOf(within, held.State)
	}
	p, err := a.prepare(within, c, o.spec, holder)
	done()
	a.sayRequests(c.cluster)
	if err != nil {
		return nil, c.reader.Explain(err)
	}
	if p.nothing && !o.planOnly {
		fmt.Fprintln(a.Streams.Err, plan.Say(rollout.ErrNothingToDo, a.lang))
		return nil, &verdictError{exitDone}
	}
	if refused := p.plan.Refused(); refused || o.planOnly {
		if err := a.writePlan(p.plan, o); err != nil {
			return nil, err
		}
		if refused {
			return nil, &verdictError{exitFindings}
		}
	}
	return p, nil
}

// writePlan writes a plan as asked; among events it is one line, as each of them is.
func (a *app) writePlan(r plan.Report, o startOptions) error {
	if !o.events || o.planOnly {
		return render.Write(a.Streams.Out, r, a.render(o.report))
	}
	var text, line bytes.Buffer
	if err := render.Write(&text, r, a.render(o.report)); err != nil {
		return err
	}
	if err := json.Compact(&line, text.Bytes()); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	_, err := fmt.Fprintln(a.Streams.Out, line.String())
	return err
}

// announce says what is to be thought of, and in one line what will happen.
func (a *app) announce(r plan.Report) {
	for _, f := range r.Findings {
		if f.Severity == finding.Warning {
			fmt.Fprintf(a.Streams.Err, "%s: %s (%s)\n", a.t("warning"), snapshot.Safe(f.Title), f.Rule)
		}
	}
	if notes := r.Plan.Notes; len(notes) > 0 {
		paths := make([]string, len(notes))
		for i, n := range notes {
			paths[i] = snapshot.Safe(n.Path)
		}
		fmt.Fprintln(a.Streams.Err, a.t("rollout.left-out", "paths", paths))
	}
	steps := make([]string, len(r.Plan.Steps))
	for i, s := range r.Plan.Steps {
		steps[i] = s.Asked.String()
		if reached := s.Reachable.String(); reached != steps[i] {
			steps[i] += a.t("rollout.reached", "weight", reached)
		}
	}
	fmt.Fprintln(a.Streams.Err, a.t("rollout.announce", "workload", r.Plan.Workload.String(), "strategy", string(r.Plan.Strategy),
		"steps", strings.Join(steps, ", "), "writes", len(r.Plan.Writes), "pods", r.Plan.Capacity.ExtraPods))
}

// refuseUnderWay says who holds the workload, and what can be done about it.
func (a *app) refuseUnderWay(r *record) error {
	return refuse(exitConflict, "rollout.error.under-way", "workload", r.Ref.String(), "command", commandTail(r.Ref),
		"driver", r.Driver, "leads", r.leads(), "step", r.State.Step+1, "steps", len(r.State.Spec.Steps))
}

// commandTail is what follows the verb in a command to be copied.
func commandTail(w rollout.Ref) string { return w.String() + " -n " + w.Namespace }

// runRolloutAsk tells the driver what is wanted, or drives where there is none.
func (a *app) runRolloutAsk(ctx context.Context, o askOptions) error {
	c, r, err := a.underWay(ctx, o.workload)
	if err != nil {
		return err
	}
	return a.ask(ctx, c, r, o)
}

// underWay finds the rollout of a workload that is not over.
func (a *app) underWay(ctx context.Context, w rollout.Ref) (*rollouts, *record, error) {
	c, r, err := a.lookUp(ctx, w, (*rollouts).record)
	if err == nil && !r.underWay() {
		err = refuse(exitFailed, "rollout.error.none", "workload", w.String(), "namespace", c.namespaceOf(w))
	}
	return c, r, err
}

// lookUp reads what is written down of a workload's rollout, as record or as glance does; nil where there is nothing.
func (a *app) lookUp(ctx context.Context, w rollout.Ref, read func(*rollouts, context.Context, rollout.Ref) (*record, error)) (*rollouts, *record, error) {
	c, err := a.connectRollouts()
	if err != nil {
		return nil, nil, err
	}
	w.Namespace = c.namespaceOf(w)
	within, cancel := a.within(ctx)
	defer cancel()
	r, err := read(c, within, w)
	return c, r, err
}

// namespaceOf is the one that was named, else the context's.
func (c *rollouts) namespaceOf(w rollout.Ref) string {
	if w.Namespace != "" {
		return w.Namespace
	}
	return c.namespace
}

func (a *app) ask(ctx context.Context, c *rollouts, r *record, o askOptions) error {
	if !r.leads() {
		if o.do == rollout.AskPause {
			fmt.Fprintln(a.Streams.Err, a.copied(a.t("rollout.pause-held", "workload", r.Ref.String(), "command", commandTail(r.Ref))))
			return nil
		}
		return a.takeOver(ctx, c, r, o)
	}
	if o.force {
		return refuse(exitConflict, "rollout.error.force-live", "driver", r.Driver)
	}
	if err := c.tell(ctx, r.Ref, o.do); err != nil {
		return err
	}
	r, err := a.heard(ctx, c, r.Ref)
	switch {
	case err != nil:
		return err
	case r.underWay() && !r.leads(): // it had died, and its lease has run out since
		return a.ask(ctx, c, r, o)
	}
	fmt.Fprintln(a.Streams.Err, a.copied(a.told(r, o.do)))
	if o.do != rollout.AskAbort {
		return nil
	}
	if !o.timeout {
		a.global.timeout = 0
	}
	err = a.follow(ctx, c, r, followOptions{events: o.events, back: true})
	if errors.Is(err, errNobodyDrives) {
		return a.takeOver(ctx, c, r, o)
	}
	return err
}

// told says what the driver makes of a wish that it has heard. A planned pause is
// not ended by resume, and nobody should wait for that.
func (a *app) told(r *record, do rollout.Ask) string {
	s := r.State
	planned := s.Waiting == rollout.WaitingTime || s.Waiting == rollout.WaitingPerson
	if do == rollout.AskResume && s.Phase == rollout.Paused && planned {
		until := ""
		if s.Waiting == rollout.WaitingTime {
			until = stamp(s.Since.Add(s.At().Pause.For.Std()))
		}
		return a.t("rollout.told.planned-pause", "workload", r.Ref.String(), "command", commandTail(r.Ref), "until", until)
	}
	return a.t("rollout.told."+string(do), "driver", r.Driver, "workload", r.Ref.String(), "command", commandTail(r.Ref))
}

// heard waits until the driver has taken up what it was told, or is not there any more.
func (a *app) heard(ctx context.Context, c *rollouts, w rollout.Ref) (*record, error) {
	within, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("rollout.wait-heard", "workload", w.String()))
	defer done()
	for {
		r, err := c.record(within, w)
		switch {
		case within.Err() != nil:
			return nil, context.Cause(within)
		case err != nil:
			return nil, err
		case r == nil:
			return nil, refuse(exitFailed, "rollout.error.lost-sight", "workload", w.String())
		case !r.underWay() || !r.leads() || r.Request == nil:
			return r, nil
		}
		select {
		case <-within.Done():
		case <-time.After(heardEvery):
		}
	}
}

// takeOver drives a rollout that nobody drives from where it stands.
func (a *app) takeOver(ctx context.Context, c *rollouts, r *record, o askOptions) error {
	spec := r.State.Spec
	route, err := router.New(spec.Via)
	if err != nil {
		return err
	}
	machine, err := rollout.NewMachine(spec, route)
	if err != nil {
		return err
	}
	d := &drive{app: a, machine: machine, me: c.me, events: o.events, exitOnPause: o.exitOnPause, back: o.do == rollout.AskAbort}
	if d.mayAsk, err = a.agreeToGates(spec, o); err != nil {
		return err
	}
	// In the place of a wish that the last driver did not take up: two of them would go two steps.
	if err := c.tell(ctx, r.Ref, o.do); err != nil {
		return err
	}
	lead, state, err := c.lead(ctx, a, r.Ref, nil)
	if err != nil {
		return err
	}
	d.lead, d.state = lead, *state
	if o.force {
		if err := c.adopt(ctx, &d.state); err != nil {
			return errors.Join(err, d.lead.Release(ctx))
		}
	}
	return d.run(ctx, c)
}

// runRolloutUndo aborts what is under way, or rolls out a revision of the past.
func (a *app) runRolloutUndo(ctx context.Context, o askOptions) error {
	c, r, err := a.lookUp(ctx, o.workload, (*rollouts).record)
	if err != nil {
		return err
	}
	if r.underWay() {
		if o.revision != 0 {
			return a.refuseUnderWay(r)
		}
		return a.ask(ctx, c, r, o)
	}
	o.workload.Namespace = c.namespaceOf(o.workload)
	revision := o.revision
	if revision == 0 {
		if revision, err = c.before(ctx, r, o.workload); err != nil {
			return err
		}
	}
	return a.start(ctx, c, startOptions{
		spec: rollout.Spec{
			Workload: o.workload, Strategy: rollout.Canary, Edit: rollout.Edit{Revision: revision}, Steps: []rollout.Step{{Weight: rollout.All}},
		},
		events: o.events, exitOnPause: o.exitOnPause,
	})
}

// before is the revision before the present one, which is the newest ("kubectl rollout undo" goes there too).
// After a rollback that is the version that was rolled back: nobody means that one without saying so.
func (c *rollouts) before(ctx context.Context, r *record, w rollout.Ref) (int64, error) {
	if r != nil && r.State.Phase == rollout.Aborted {
		seen, err := c.client.Observe(ctx, &rollout.State{Spec: rollout.Spec{Workload: w}})
		if err != nil {
			return 0, c.reader.Explain(err)
		}
		if seen.Workload != nil && seen.Workload.UpdateHash == r.State.OldHash {
			return 0, refuse(exitFailed, "rollout.error.undo-aborted", "workload", w.String(), "namespace", w.Namespace, "images", r.State.NewImages)
		}
	}
	revisions, err := c.client.Revisions(ctx, w)
	var none *rollout.ConflictError
	switch {
	case errors.As(err, &none): // there is no such workload
		return 0, &plan.Error{Problem: plan.ProblemNotFound, Args: map[string]any{"workload": w.String(), "namespace": w.Namespace}}
	case err != nil:
		return 0, c.reader.Explain(err)
	}
	var numbers []int64
	for n := range revisions {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	if len(numbers) < 2 {
		return 0, refuse(exitFailed, "rollout.error.no-revision", "workload", w.String(), "namespace", w.Namespace)
	}
	return numbers[len(numbers)-2], nil
}
