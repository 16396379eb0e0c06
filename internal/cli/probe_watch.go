package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// probeWatchOptions is what will run.
type probeWatchOptions struct {
	selection selection
	json      bool
	// timeout says that one was given: a watch has none by itself.
	timeout bool
}

func newProbeWatch(a *app, runF func(context.Context, probeWatchOptions) error) *cobra.Command {
	output := render.Table
	cmd := &cobra.Command{
		Use:               "watch TYPE/NAME",
		Short:             a.t("probe.watch.short"),
		Long:              a.t("probe.watch.long"),
		Example:           a.t("probe.watch.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			o := probeWatchOptions{json: output == render.JSON, timeout: cmd.Flags().Changed("timeout")}
			var err error
			if o.selection, err = watchedOne(args); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runProbeWatch(cmd.Context(), o)
		},
	}
	cmd.Flags().VarP(enum(&output, render.Table, render.JSON), "output", "o", "")
	return cmd
}

// watchedOne takes one object of a kind that has pods.
func watchedOne(args []string) (selection, error) {
	s, err := parseSelection(args)
	if err != nil {
		return s, err
	}
	if len(s.objects) != 1 {
		return s, usage("error.watch-one")
	}
	if kind := snapshot.Kind(s.objects[0].Kind); !slices.Contains(probe.Watched(), kind) {
		var kinds []string
		for _, k := range probe.Watched() {
			kinds = append(kinds, string(k))
		}
		return s, usage("error.watch-kind", "kind", string(kind), "kinds", kinds)
	}
	return s, nil
}

func (a *app) runProbeWatch(ctx context.Context, o probeWatchOptions) error {
	if !o.timeout {
		a.global.timeout = 0
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	target := o.selection.query(c.namespace, "").Targets[0]
	s := snapshot.New(snapshot.FromCluster, a.Now())
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	err = c.reader.Fill(ctx, s, func(s *snapshot.Snapshot) snapshot.Needs { return probe.WatchPlan(s, target) })
	done()
	if err != nil {
		return err
	}
	needs, services, err := probe.WatchNeeds(s, target)
	if err != nil {
		return err
	}
	w := &probeWatch{app: a, o: o, watch: c.reader.Watch(needs), open: len(needs), pods: needs[0]}
	if !o.json && a.Streams.Redraws(a.Getenv) {
		w.screen = a.Streams.NewScreen()
	}
	err = w.run(ctx, target, services, unreadServices(s, target))
	a.sayRequests(c)
	return err
}

// unreadServices says why the Services are not known, "" where they are.
func unreadServices(s *snapshot.Snapshot, target finding.Ref) string {
	if a := s.Covered("Service", target.Namespace, ""); a.State != snapshot.Present {
		return a.Why
	}
	return ""
}

// probeWatch shows what a watch tells until it ends.
type probeWatch struct {
	app    *app
	o      probeWatchOptions
	watch  *live.Watch
	screen *term.Screen
	pods   snapshot.Need
	// open counts the first lists that are still to come, lost the needs of which nothing is heard.
	open, lost int
	held       []live.Notice
	settling   settling
	watcher    *probe.Watcher
	latest     []probe.Moment
}

// latestShown bounds the moments that the view keeps.
const latestShown = 50

// redraw is how often the view is drawn again while nothing happens: its ages go on.
const redraw = time.Second

func (w *probeWatch) run(ctx context.Context, target finding.Ref, services []string, unread string) error {
	listening, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	notices, ended := make(chan live.Notice), make(chan error, 1)
	go func() { ended <- w.watch.Run(listening, notices) }()
	w.watcher = probe.NewWatcher(target, services, w.watch.Now())
	if unread != "" {
		if err := w.show(probe.Moment{Event: probe.NotHeard, Reason: unread, Time: micro(w.watch.Now())}); err != nil {
			return err
		}
	}
	ticker, turns := time.NewTicker(redraw), time.NewTicker(turn)
	defer ticker.Stop()
	defer turns.Stop()
	for {
		var err error
		select {
		case n := <-notices:
			err = w.hear(n)
		case <-turns.C:
			err = w.settle(time.Now())
		case <-ticker.C:
			err = w.draw()
		case err = <-ended:
			return w.end(err)
		}
		if err != nil {
			stop(err)
			return err
		}
	}
}

// end shows what was seen in all.
func (w *probeWatch) end(cause error) error {
	if err := w.settle(time.Now().Add(settles)); err != nil {
		return err
	}
	if w.screen != nil {
		if err := w.draw(); err != nil {
			return err
		}
		w.screen.Leave()
	}
	if w.open > 0 && !errors.Is(cause, term.ErrInterrupted) {
		return cause
	}
	if err := w.summarize(w.watcher.Summary(w.watch.Now())); err != nil {
		return err
	}
	switch { // the summary has said all there is to say
	case errors.Is(cause, term.ErrInterrupted):
		return &verdictError{exitInterrupted}
	case errors.Is(cause, errTimedOut):
		return &verdictError{exitTimedOut}
	}
	return cause
}

func (w *probeWatch) summarize(s probe.WatchSummary) error {
	if w.o.json {
		return w.writeJSON(s)
	}
	text, err := render.ProbeWatchEnd(s, w.app.render(outputValue{format: render.Table}))
	if err == nil {
		_, err = fmt.Fprint(w.app.Streams.Out, "\n"+text)
	}
	return err
}
