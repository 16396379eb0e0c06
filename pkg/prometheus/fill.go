package prometheus

import (
	"context"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	// parallel bounds how many queries are under way at once: dashboards and
	// alerts have to live beside them.
	parallel = 3
	// rounds bounds how often the plan is asked for more.
	rounds = 4
)

// Fill asks the plan what is missing, asks Prometheus, and asks the plan again.
// An answer that does not come is recorded with the reason; where that is one of
// the server's, nothing more is asked. The error is the context's alone.
func (s *Server) Fill(ctx context.Context, into *snapshot.Snapshot, plan func(*snapshot.Snapshot) []snapshot.SeriesNeed) error {
	for range rounds {
		needs := into.MissingSeries(plan(into))
		if len(needs) == 0 {
			return nil
		}
		readings, err := s.round(ctx, needs, into.TakenAt)
		for _, r := range readings {
			into.RecordSeries(r)
		}
		if err != nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// round sends the first query alone: a server that hangs or refuses is met once.
func (s *Server) round(ctx context.Context, needs []snapshot.SeriesNeed, at time.Time) ([]snapshot.SeriesReading, error) {
	out := make([]snapshot.SeriesReading, len(needs))
	first, trouble := s.ask(ctx, needs[0], at)
	out[0] = first
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if trouble != nil && trouble.fatal() {
		for i, n := range needs {
			out[i] = snapshot.SeriesReading{Need: n, Why: trouble.Error()}
		}
		return out, nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range needs[1:] {
		g.Go(func() error { out[i+1], _ = s.ask(gctx, needs[i+1], at); return gctx.Err() })
	}
	return out, g.Wait()
}

func (s *Server) ask(ctx context.Context, n snapshot.SeriesNeed, at time.Time) (snapshot.SeriesReading, *TroubleError) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	var value model.Value
	var said v1.Warnings
	var err error
	if n.Window == 0 {
		value, said, err = s.api.Query(ctx, n.Query, at, s.bound())
	} else {
		step := time.Duration(n.Step) * time.Second
		// Aligned to the step, as dashboards are: two reports within a step agree.
		to := at.Truncate(step)
		from := to.Add(-time.Duration(n.Window) * time.Second)
		value, said, err = s.api.QueryRange(ctx, n.Query, v1.Range{Start: from, End: to, Step: step}, s.bound())
	}
	if err == nil {
		var series []snapshot.Series
		if series, err = seriesOf(value); err == nil {
			return snapshot.SeriesReading{Need: n, Series: series, Warning: short(strings.Join(said, "; "))}, nil
		}
	}
	trouble := troubleOf(err)
	return snapshot.SeriesReading{Need: n, Why: trouble.Error()}, trouble
}

// bound tells Prometheus how long to try. It reads no fractions of a second.
func (s *Server) bound() v1.Option {
	return v1.WithTimeout(max(s.patience.Truncate(time.Second), time.Second))
}

func seriesOf(value model.Value) ([]snapshot.Series, error) {
	var out []snapshot.Series
	switch v := value.(type) {
	case model.Vector:
		for _, sample := range v {
			if sample.Histogram != nil {
				return nil, histograms()
			}
			out = append(out, snapshot.Series{Labels: labelsOf(sample.Metric), Points: []snapshot.Point{{At: sample.Timestamp.Unix(), Value: float64(sample.Value)}}})
		}
	case model.Matrix:
		for _, stream := range v {
			if len(stream.Histograms) > 0 {
				return nil, histograms()
			}
			points := make([]snapshot.Point, len(stream.Values))
			for i, p := range stream.Values {
				points[i] = snapshot.Point{At: p.Timestamp.Unix(), Value: float64(p.Value)}
			}
			out = append(out, snapshot.Series{Labels: labelsOf(stream.Metric), Points: points})
		}
	default:
		return nil, &TroubleError{Kind: NotPrometheus, Detail: "the answer is neither a vector nor a matrix"}
	}
	return out, nil
}

// histograms: a native histogram has no one value.
func histograms() *TroubleError {
	return &TroubleError{Kind: BadQuery, Detail: "the answer is made of histograms, not of numbers"}
}

func labelsOf(m model.Metric) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[string(k)] = string(v)
	}
	return out
}
