package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/route"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// lookback is what --query.lookback-delta is by default.
const lookback = 5 * time.Minute

// handler is the HTTP API over the database, made as cmd/prometheus and web make
// it. Nothing is scraped, no rule is evaluated, and nothing can be written.
func handler(db *tsdb.DB, maxSamples int, timeout time.Duration) http.Handler {
	language := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: timeout, LookbackDelta: lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: language,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})
	api := v1.NewAPI(
		engine, db, nil, nil, nil,
		func(context.Context) v1.ScrapePoolsRetriever { return nil },
		func(context.Context) v1.TargetRetriever { return nil },
		func(context.Context) v1.AlertmanagerRetriever { return nil },
		func() config.Config { return config.DefaultConfig },
		map[string]string{},
		v1.GlobalURLOptions{},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // it is always ready
		nil, "", false, // no administration
		false, 0,
		promslog.NewNopLogger(),
		func(context.Context) v1.RulesRetriever { return nil },
		0, 0, 0,
		false,
		regexp.MustCompile("^(?:.*)$"),
		func() (v1.RuntimeInfo, error) { return v1.RuntimeInfo{}, errors.New("not known") },
		&v1.PrometheusVersion{},
		nil, nil,
		prometheus.DefaultGatherer, prometheus.NewRegistry(),
		nil,
		false, nil,
		false, false, false, false,
		lookback,
		false, false,
		nil, nil,
		v1.OpenAPIOptions{},
		language,
	)
	router := route.New()
	api.Register(router)
	return http.StripPrefix("/api/v1", router)
}
