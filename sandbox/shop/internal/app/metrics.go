package app

import (
	"net/http"
	"path"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts answers. Health requests are not among them: they would dilute
// a success rate. Every series says which version of which service it is of.
type metrics struct {
	registry     *prometheus.Registry
	httpRequests *prometheus.CounterVec
	httpSeconds  *prometheus.HistogramVec
	grpcRequests *prometheus.CounterVec
	grpcSeconds  *prometheus.HistogramVec
}

func newMetrics(id Identity) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		httpRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "HTTP requests answered."}, []string{"method", "code"}),
		httpSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer HTTP requests.", Buckets: buckets()}, []string{"code"}),
		grpcRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_server_handled_total", Help: "gRPC calls answered."}, []string{"grpc_method", "grpc_code"}),
		grpcSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_server_handling_seconds", Help: "Time to answer gRPC calls.", Buckets: buckets()}, []string{"grpc_code"}),
	}
	who := prometheus.WrapRegistererWith(prometheus.Labels{"service": id.Service, "version": id.Version}, m.registry)
	who.MustRegister(m.httpRequests, m.httpSeconds, m.grpcRequests, m.grpcSeconds)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func buckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

func (m *metrics) http(method, code string, took time.Duration) {
	m.httpRequests.WithLabelValues(method, code).Inc()
	m.httpSeconds.WithLabelValues(code).Observe(took.Seconds())
}

func (m *metrics) grpc(fullMethod, code string, took time.Duration) {
	m.grpcRequests.WithLabelValues(path.Base(fullMethod), code).Inc()
	m.grpcSeconds.WithLabelValues(code).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Count returns a counter of the service's own, labelled like the others.
func (a *App) Count(name, help string) (prometheus.Counter, error) {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	who := prometheus.WrapRegistererWith(prometheus.Labels{"service": a.cfg.Service, "version": a.cfg.Version}, a.metrics.registry)
	return c, who.Register(c)
}
