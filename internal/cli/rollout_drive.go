package cli

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// drive is a rollout that this command drives.
type drive struct {
	app     *app
	machine *rollout.Machine
	lead    rollout.Journal
	state   rollout.State
	// me names this driver, for people.
	me          string
	events      bool
	exitOnPause bool
	// back says that going back is what was asked for: then it is no failure.
	back bool
	// mayAsk says which gates may run a command here or call an address from here.
	mayAsk func(rollout.GateSpec) bool
}

// result is what the engine came back with.
type result struct {
	outcome rollout.Outcome
	state   rollout.State
	err     error
}

// run drives until the engine comes back. The first Ctrl-C asks, or holds where
// nobody can be asked; the one after it does not wait for long, which is safe too.
func (d *drive) run(ctx context.Context, c *rollouts) error {
	term.OutlivePipe()
	a := d.app
	view := a.newShow(d.machine, d.me, d.events)
	requests := make(chan rollout.Request, 4)
	engine := &rollout.Engine{
		Machine: d.machine, Cluster: c.client, Journal: d.lead, Judge: gate.New(gate.Options{MayAsk: d.mayAsk}), Diagnose: a.diagnose(c.cluster),
		Clock: wallClock{}, Emit: view.event, Look: view.look, Requests: requests,
		ExitOnPause: d.exitOnPause, ExitOnTrouble: true,
	}
	driving, hold := context.WithCancelCause(context.WithoutCancel(ctx))
	defer hold(nil)
	ended := make(chan result, 1)
	go func() {
		var r result
		r.outcome, r.state, r.err = engine.Run(driving, d.state)
		ended <- r
	}()

	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	signals := a.interrupts(ctx)
	defer func() { signals.stop() }()
	for {
		select {
		case r := <-ended:
			view.done()
			return d.report(r)
		case <-tick.C:
			view.tick()
		case <-signals.came():
			if signals.ask() {
				view.quiet(true)
			} else {
				hold(term.ErrInterrupted)
			}
		case <-signals.late:
			return term.ErrInterrupted
		case answer := <-signals.answers:
			chosen := choose(answer)
			signals.asking, signals.leaving = false, chosen == chooseHold
			if chosen == chooseHold {
				hold(term.ErrInterrupted)
				continue
			}
			if chosen == chooseAbort {
				requests <- rollout.Request{ID: "interrupt", Do: rollout.AskAbort, By: d.me, At: c.client.Now()}
			}
			view.quiet(false)
		}
	}
}

// report says how it ended and gives the exit code.
func (d *drive) report(r result) error {
	ending, code := endingOf(r, d.back)
	detail := ""
	var findings []finding.Finding
	var incomplete *rollout.IncompleteError
	if errors.As(r.err, &incomplete) {
		detail, findings = incomplete.Message, incomplete.Findings
	} else if r.err != nil {
		return r.err
	}
	out := d.app.Streams.Out
	if d.events {
		out = d.app.Streams.Err
	}
	report, err := d.app.rolloutReport("rollout "+string(d.state.Spec.Strategy), render.NewRollout(&r.state, nil, d.machine.Describe(&r.state, nil), nil))
	if err != nil {
		return err
	}
	report.Findings = append(findings, report.Findings...)
	if err := render.WriteRolloutEnd(out, report, ending, detail, d.app.render(outputValue{format: render.Table})); err != nil {
		return err
	}
	if code == exitDone {
		return nil
	}
	return &verdictError{code}
}

// endingOf tells how a run ended. Going back is a failure, unless it was what this command was to do.
func endingOf(r result, back bool) (render.Ending, int) {
	switch {
	case r.err != nil:
		return render.EndIncomplete, exitIncomplete
	case r.outcome == rollout.OutcomePromoted:
		return render.EndPromoted, exitDone
	case r.outcome == rollout.OutcomePaused:
		return render.EndPaused, exitPaused
	case r.outcome == rollout.OutcomeInterrupted:
		return render.EndInterrupted, exitInterrupted
	case back:
		return render.EndAborted, exitDone
	}
	return render.EndAborted, exitRolledBack
}

// rolloutReport puts a rollout into the frame that every report has.
func (a *app) rolloutReport(command string, v render.Rollout) (render.RolloutReport, error) {
	var findings []finding.Finding
	if v.Drift != nil {
		catalogue, err := finding.LoadCatalogue()
		if err != nil {
			return render.RolloutReport{}, err
		}
		findings = plan.Drifted(v.Workload, *v.Drift, plan.Options{Lang: a.lang, Catalogue: catalogue})
	}
	if v.Reason != nil && v.Phase != rollout.Promoted {
		findings = append(findings, v.Reason.Findings...)
	}
	scope := finding.Scope{Context: a.global.usedContext, Namespace: v.Workload.Namespace, Targets: []string{v.Workload.String()}}
	return render.RolloutReport{Report: finding.NewReport(command, a.Now(), scope, findings, nil, 0), Rollout: v}, nil
}
