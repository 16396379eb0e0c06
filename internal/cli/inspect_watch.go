package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

const (
	// gather is how long changes are collected before a new report is made of them.
	gather = 500 * time.Millisecond
	// reread is how old something may be that cannot be watched (logs, kinds of
	// add-ons) when a report is made because of something else that changed.
	reread = 30 * time.Second
	// refresh is how often the screen is drawn again while nothing happens: ages go on. It asks nothing.
	refresh = 10 * time.Second
	// watchedMost bounds how many lists and objects are watched at once.
	watchedMost = 60
)

// checkWatch refuses what makes no sense for something that goes on.
func checkWatch(cmd *cobra.Command, o *inspectOptions) error {
	switch {
	case len(o.files) > 0 || o.save != "" || o.verdict.failOn != failNever || o.verdict.strict:
		return usage("error.watch-alone")
	case !slices.Contains([]render.Format{render.Table, render.Wide, render.JSON}, o.output.format):
		return usage("error.watch-output")
	}
	o.timeout = cmd.Flags().Changed("timeout")
	return nil
}

// inspectWatch keeps what is known of the cluster up to date by watches, and
// makes a report of it whenever something changed. Requests are made for the
// first report, once for each watch, and later only for what a change makes
// necessary to read that is not watched yet.
type inspectWatch struct {
	app     *app
	c       *cluster
	o       inspectOptions
	look    look
	options inspect.Options
	query   inspect.Query
	screen  *term.Screen

	notices chan live.Notice
	failed  chan error
	// clock is the API server's time.
	clock func() time.Time
	held  map[snapshot.Need]*held
	// last is what the newest report was made of, readAt when its unwatched parts were read.
	last   *snapshot.Snapshot
	readAt time.Time
	// block is the newest report as text, shown the one before it without the times of day.
	block, shown string
	lost         map[snapshot.Need]string
}

// held is what a watch has told of one need.
type held struct {
	stop    context.CancelFunc
	ready   bool
	denied  bool
	objects map[finding.Ref]snapshot.Object
}

func (a *app) runInspectWatch(ctx context.Context, o inspectOptions) error {
	if !o.timeout {
		a.global.timeout = 0
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	l, _ := o.views.look()
	if o.traffic != nil {
		l = o.traffic.look()
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	s, q, err := a.seeCluster(ctx, c, o.readOptions, l.plan)
	if err != nil {
		return err
	}
	if err := allWatchable(q); err != nil {
		return err
	}
	w := &inspectWatch{
		app: a, c: c, o: o, look: l, query: q, options: inspect.Options{Lang: a.lang, Catalogue: catalogue},
		notices: make(chan live.Notice), failed: make(chan error, 1), clock: c.reader.Watch(nil).Now,
		held: map[snapshot.Need]*held{}, lost: map[snapshot.Need]string{},
	}
	if o.output.format != render.JSON && a.Streams.Redraws(a.Getenv) {
		w.screen = a.Streams.NewScreen()
	}
	w.take(s)
	if _, err := w.look.make(s, q, w.options); err != nil { // what is not there from the start is a mistake
		return err
	}
	err = w.run(ctx)
	a.sayRequests(c)
	return err
}

// allWatchable refuses what would be shown and never renewed.
func allWatchable(q inspect.Query) error {
	kinds := slices.Clone(q.Kinds)
	for _, t := range q.Targets {
		if t.Kind != inspect.OutsideKind {
			kinds = append(kinds, snapshot.Kind(t.Kind))
		}
	}
	for _, k := range kinds {
		if !watchable(k) {
			return usage("error.watch-addon", "kind", string(k))
		}
	}
	return nil
}

// run shows the first report and goes on until the context ends.
func (w *inspectWatch) run(ctx context.Context) error {
	if err := w.show(false); err != nil {
		return err
	}
	w.follow(ctx)
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	pending := false
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		var err error
		select {
		case n := <-w.notices:
			if w.hear(n) && !pending {
				pending = true
				settled.Reset(gather)
			}
		case <-settled.C:
			pending = false
			err = w.renew(ctx)
		case <-ticker.C:
			if w.screen != nil {
				err = w.show(true)
			}
		case err = <-w.failed:
		case <-ctx.Done():
			return w.end(context.Cause(ctx))
		}
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return w.end(err)
		}
	}
}

// end leaves the newest report on the screen.
func (w *inspectWatch) end(cause error) error {
	if w.screen != nil {
		w.screen.Leave()
	}
	switch { // there is nothing to add: what was to be seen has been shown
	case errors.Is(cause, term.ErrInterrupted):
		return &verdictError{exitInterrupted}
	case errors.Is(cause, errTimedOut):
		return &verdictError{exitTimedOut}
	}
	return cause
}

// hear takes a notice in, and says whether a report should be made because of it.
func (w *inspectWatch) hear(n live.Notice) bool {
	h := w.held[n.Need]
	if h == nil {
		return false
	}
	switch n.Event {
	case live.Listed:
		h.ready = true
	case live.Found, live.Added, live.Changed:
		h.objects[rule.RefTo(n.Object)] = own(n.Object)
	case live.Gone:
		delete(h.objects, rule.RefTo(n.Object))
	case live.Denied:
		w.deny(h, n.Why)
		return false
	case live.Lost:
		if strings.HasPrefix(n.Why, "forbidden") { // asking again will not help
			w.deny(h, n.Why)
			return false
		}
		w.lost[n.Need] = n.Why
	case live.Back:
		delete(w.lost, n.Need)
	}
	return h.ready || n.Event == live.Lost
}

// deny gives up on a need; where nothing is left to be watched, on all.
func (w *inspectWatch) deny(h *held, why string) {
	h.denied, h.ready = true, false
	h.stop()
	for _, other := range w.held {
		if !other.denied {
			return
		}
	}
	w.fail(refuse(exitFailed, "error.watch-denied", "why", why))
}

// fail ends the watch; one reason is enough.
func (w *inspectWatch) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}

// own is a copy: the watch goes on to look at the object that it gave.
func own(o snapshot.Object) snapshot.Object {
	if c, ok := o.DeepCopyObject().(snapshot.Object); ok {
		return c
	}
	return o
}

// renew makes a snapshot of what the watches tell, reads what is missing in it, and shows what came of it.
func (w *inspectWatch) renew(ctx context.Context) error {
	s := w.known()
	err := w.c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return w.look.plan(s, w.query) })
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return nil // the next change tries again; a watch that is lost says so on the screen
	}
	s.TakenAt = w.clock()
	w.take(s)
	w.follow(ctx)
	return w.show(false)
}

// take makes a snapshot the newest.
func (w *inspectWatch) take(s *snapshot.Snapshot) {
	s.Requests = len(w.c.reader.Requests())
	w.last = s
}
