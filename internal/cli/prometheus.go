package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/prometheus"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// noPrometheus is the --prometheus that asks none.
const noPrometheus = "none"

// historyFlags are those of the commands that look back.
type historyFlags struct {
	window     windowValue
	prometheus string
}

// historyOptions is what will run.
type historyOptions struct {
	window time.Duration
	// prometheus is an address, "" to look for one, "none" to ask none.
	prometheus string
	// optional says that the report is whole without: that none is found, or that
	// nobody may look for one, is not worth a word.
	optional bool
}

func newHistoryFlags() historyFlags { return historyFlags{window: windowValue(7 * 24 * time.Hour)} }

func (f *historyFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var(&f.window, "window", "")
	cmd.Flags().StringVar(&f.prometheus, "prometheus", "", "")
}

func (f *historyFlags) options() (historyOptions, error) {
	o := historyOptions{window: time.Duration(f.window), prometheus: f.prometheus}
	if o.prometheus == "" || o.prometheus == noPrometheus {
		return o, nil
	}
	if _, err := prometheus.At(o.prometheus); err != nil {
		return o, usage("quota.error.prometheus-address")
	}
	return o, nil
}

// The longest and the shortest time that can be looked back.
const (
	leastWindow = time.Hour
	mostWindow  = 90 * 24 * time.Hour
)

// windowValue is a duration that knows days and weeks: 36h, 7d, 2w.
type windowValue time.Duration

func (w *windowValue) Type() string { return "TIME" }

func (w *windowValue) String() string {
	d := time.Duration(*w)
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

func (w *windowValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			var n int
			if n, err = strconv.Atoi(number); err == nil && n >= 0 && n <= 1000 {
				d = time.Duration(n) * length
			}
		}
	}
	if err != nil {
		return errors.New("a time such as 36h, 7d or 2w")
	}
	if d < leastWindow || d > mostWindow {
		return errors.New("between 1h and 90d")
	}
	*w = windowValue(d)
	return nil
}

// history asks a Prometheus for what the plan wants, and gives its name. That
// there is none is no failure: the report says what is missing, and how to give it.
func (a *app) history(ctx context.Context, o historyOptions, c *cluster, s *snapshot.Snapshot, plan func(*snapshot.Snapshot) []snapshot.SeriesNeed) (string, error) {
	if len(s.MissingSeries(plan(s))) == 0 {
		return "", nil
	}
	server, err := a.findPrometheus(ctx, o, c)
	var nothing *prometheus.NotFoundError
	switch {
	case errors.As(err, &nothing) && o.optional:
		return "", nil
	case errors.As(err, &nothing):
		why := "not found: " + nothing.Error()
		switch {
		case nothing.Trouble == nil:
		case nothing.Trouble.Kind == prometheus.Forbidden:
			why = "refused: " + nothing.Error()
		default:
			why = "search failed: " + nothing.Error()
		}
		for _, n := range plan(s) {
			s.RecordSeries(snapshot.SeriesReading{Need: n, Why: why})
		}
		return "", nil
	case err != nil || server == nil:
		return "", err
	}
	done := a.Streams.Wait(a.t("wait.reading", "host", server.Name))
	err = server.Fill(ctx, s, plan)
	done()
	if server.Proxied() {
		s.Requests += server.Requests()
	}
	if a.global.verbose > 0 {
		fmt.Fprintln(a.Streams.Err, a.t("quota.verbose.prometheus", "n", server.Requests(), "name", server.Name))
	}
	return server.Name, err
}

// findPrometheus is the one that was named, or one of the cluster's; nil for none.
func (a *app) findPrometheus(ctx context.Context, o historyOptions, c *cluster) (*prometheus.Server, error) {
	switch {
	case o.prometheus == noPrometheus:
		return nil, nil
	case o.prometheus != "":
		return prometheus.At(o.prometheus)
	case c == nil:
		return nil, nil // a file: what it holds is all there is
	}
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	defer done()
	return prometheus.Find(ctx, c.config)
}

// asks says what is wanted of Prometheus, given what is known.
type asks func(s *snapshot.Snapshot, q quota.Query) []snapshot.SeriesNeed

// readUsage gives the snapshot with the history in it, and where that is from.
func (a *app) readUsage(ctx context.Context, o quotaOptions, h historyOptions, needs func(*snapshot.Snapshot, quota.Query) snapshot.Needs, plan asks) (*snapshot.Snapshot, quota.Query, string, error) {
	save := o.save
	o.save, o.lean = "", o.lean && save == ""
	s, q, err := a.readQuota(ctx, o, needs)
	if err != nil {
		return nil, q, "", err
	}
	var c *cluster
	if len(o.files) == 0 {
		if c, err = a.connect(); err != nil {
			return nil, q, "", err
		}
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	name, err := a.history(ctx, h, c, s, func(s *snapshot.Snapshot) []snapshot.SeriesNeed { return plan(s, q) })
	if err != nil {
		return nil, q, name, err
	}
	return s, q, name, a.saveSnapshot(save, s)
}

// wholeHistory is all that usage and suggest ask.
func (h historyOptions) wholeHistory(s *snapshot.Snapshot, q quota.Query) []snapshot.SeriesNeed {
	return quota.HistoryNeeds(s, q, h.window)
}
