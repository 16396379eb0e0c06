package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

const (
	// followEvery is how often someone who only looks does so.
	followEvery = 2 * time.Second
	// followTries is how often one who has seen a rollout tries again to see it: an API server that is restarted comes
	// back, and the rollout goes on meanwhile.
	followTries = 15
)

// errNobodyDrives says that the rollout that was to go back has lost its driver on the way.
var errNobodyDrives = errors.New("nobody drives")

// followOptions say how a rollout that somebody else drives is followed.
type followOptions struct {
	// events writes what is new as JSON, one line for each event that was seen.
	events bool
	// back says that going back is what was asked for.
	back bool
	// watch says that it is only looked at: where nobody drives, there is nothing to wait for.
	watch bool
}

// see looks at the cluster and puts what is written down beside it.
func (c *rollouts) see(ctx context.Context, r *record) (render.Rollout, error) {
	route, err := router.New(r.State.Spec.Via)
	if err != nil {
		return render.Rollout{}, err
	}
	m, err := rollout.NewMachine(r.State.Spec, route)
	if err != nil {
		return render.Rollout{}, err
	}
	var w *rollout.World
	if !r.State.Phase.Over() {
		if w, err = c.client.Observe(ctx, r.State); err != nil {
			return render.Rollout{}, c.reader.Explain(err)
		}
	}
	d := m.Describe(r.State, w)
	d.Time = c.client.Now()
	v := r.view(w, d)
	if w != nil && r.left() { // a driver sees for itself, and may have written since its journal was read
		v.Drift = c.drift(ctx, r.State, w)
	}
	return v, nil
}

// drift is what someone else has changed of a rollout that nobody drives, nil where nothing.
func (c *rollouts) drift(ctx context.Context, s *rollout.State, w *rollout.World) *rollout.DriftError {
	found := s.Drift(w)
	if found != nil && !found.Gone {
		if manager, at, err := c.client.Who(ctx, found.Object, found.Path); err == nil {
			found.Manager, found.At = manager, at
		}
	}
	return found
}

// runRolloutStatus shows one rollout, once or until it is over.
func (a *app) runRolloutStatus(ctx context.Context, o statusOptions) error {
	c, r, err := a.lookUp(ctx, o.workload, (*rollouts).glance)
	if err != nil {
		return err
	}
	if r == nil {
		return refuse(exitFailed, "rollout.error.never", "workload", o.workload.String(), "namespace", c.namespaceOf(o.workload))
	}
	if o.watch && r.underWay() {
		if !o.timeout {
			a.global.timeout = 0
		}
		return a.follow(ctx, c, r, followOptions{watch: true, events: o.output.format == render.JSON})
	}
	within, cancel := a.within(ctx)
	defer cancel()
	v, err := c.see(within, r)
	a.sayRequests(c.cluster)
	if err != nil {
		return err
	}
	report, err := a.rolloutReport("rollout status", v)
	if err != nil {
		return err
	}
	report.Requests, report.NotChecked = len(c.reader.Requests()), append(report.NotChecked, r.notChecked()...)
	return render.WriteRollout(a.Streams.Out, report, a.render(o.output))
}

// follow shows a rollout until it is over, and gives the exit code of its end.
func (a *app) follow(ctx context.Context, c *rollouts, r *record, o followOptions) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	f := &follower{app: a, o: o}
	if !o.events && a.Streams.Redraws(a.Getenv) {
		f.screen = a.Streams.NewScreen()
	}
	for id := r.State.ID; ; {
		var v render.Rollout
		err := patiently(ctx, followEvery, func() (err error) {
			v, err = c.see(ctx, r)
			return err
		})
		if err == nil {
			err = f.show(v, r.State)
		}
		switch {
		case ctx.Err() != nil:
			f.clear()
			return context.Cause(ctx)
		case err != nil:
			f.clear()
			return err
		case r.State.Phase.Over():
			return f.end(v, render.EndPromoted, render.EndAborted)
		case r.left() && o.back:
			f.clear()
			return errNobodyDrives
		case r.left():
			return f.end(v, render.EndInterrupted, render.EndInterrupted)
		}
		select {
		case <-ctx.Done():
		case <-time.After(followEvery):
		}
		var next *record
		err = patiently(ctx, followEvery, func() (err error) {
			next, err = c.glance(ctx, r.Ref)
			return err
		})
		switch {
		case ctx.Err() != nil: // said at the top
		case err != nil:
			f.clear()
			return err
		case next == nil || next.State.ID != id:
			f.clear()
			return refuse(exitFailed, "rollout.error.lost-sight", "workload", r.Ref.String())
		default:
			r = next
		}
	}
}

// patiently tries again, after a while, what failed for want of an answer.
func patiently(ctx context.Context, every time.Duration, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		var unreachable *live.UnreachableError
		unanswered := errors.As(err, &unreachable) && unreachable.Trouble != live.Unauthorized && unreachable.Trouble != live.Credentials
		busy := apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsInternalError(err)
		if !unanswered && !busy || try == followTries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// follower shows what somebody else drives.
type follower struct {
	app    *app
	o      followOptions
	screen *term.Screen
	last   *rollout.Event
}

func (f *follower) show(v render.Rollout, s *rollout.State) error {
	e := v.LastEvent
	isNew := e != nil && (f.last == nil || *e != *f.last)
	if isNew {
		f.last = e
	}
	switch {
	case f.screen != nil:
		width, height := f.app.Streams.Size()
		o := f.app.render(outputValue{format: render.Table})
		o.Width = width
		block, err := render.RolloutLive(v, v.At, "", o)
		if err != nil {
			return err
		}
		return f.screen.Draw(block, height)
	case !isNew:
		return nil
	case f.o.events:
		return writeLine(f.app.Streams.Out, *e)
	}
	line, err := render.RolloutLine(*e, s, f.app.render(outputValue{}))
	if err == nil && line != "" {
		_, err = fmt.Fprintln(f.app.Streams.Out, line)
	}
	return err
}

func (f *follower) clear() {
	if f.screen != nil {
		_ = f.screen.Clear() // the error that is on its way says more
	}
}

// end reports how it ended.
func (f *follower) end(v render.Rollout, promoted, aborted render.Ending) error {
	f.clear()
	ending := aborted
	if v.Phase == rollout.Promoted {
		ending = promoted
	}
	out := f.app.Streams.Out
	if f.o.events {
		out = f.app.Streams.Err
	}
	report, err := f.app.rolloutReport("rollout status", v)
	if err == nil {
		err = render.WriteRolloutEnd(out, report, ending, "", f.app.render(outputValue{format: render.Table}))
	}
	code := map[render.Ending]int{render.EndPromoted: exitDone, render.EndAborted: exitRolledBack, render.EndInterrupted: exitPaused}[ending]
	switch {
	case err != nil:
		return err
	case ending == render.EndAborted && f.o.back, code == exitDone && !f.o.back:
		return nil
	case code == exitDone: // it was asked to go back, and had gone on
		return &verdictError{exitFailed}
	}
	return &verdictError{code}
}
