package app

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

var (
	errDraining = errors.New("shutting down")
	errUnready  = errors.New("unready because UNREADY says so")
)

// Ready returns why the service wants no traffic, or nil. It asks nobody else:
// a readiness that depended on another service would carry that one's outage on.
func (a *App) Ready() error {
	if a.draining.Load() {
		return errDraining
	}
	if a.cfg.Faults.Unready() {
		return errUnready
	}
	return nil
}

// Alive blocks for as long as the service is deadlocked or ctx lasts.
func (a *App) Alive(ctx context.Context) error { return a.cfg.Faults.Health(ctx) }

func (a *App) healthHandler(mux *http.ServeMux) {
	answer := func(ready func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if a.Alive(r.Context()) != nil {
				return // the client has gone; there is nobody to answer
			}
			w.Header().Set("X-Shop-Version", a.cfg.Version)
			if err := ready(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte("ok\n"))
		}
	}
	always := func() error { return nil }
	mux.HandleFunc("GET /healthz", answer(always))
	mux.HandleFunc("GET /startupz", answer(always))
	mux.HandleFunc("GET /readyz", answer(a.Ready))
}

// grpcHealth is the standard health service. "" and "readiness" follow Ready;
// "liveness" is SERVING for as long as anything answers.
type grpcHealth struct {
	*health.Server
	app *App
}

func (a *App) registerGRPCHealth(s *grpc.Server) {
	healthpb.RegisterHealthServer(s, &grpcHealth{Server: health.NewServer(), app: a})
}

func (h *grpcHealth) Check(ctx context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if err := h.app.Alive(ctx); err != nil {
		return nil, err
	}
	status := healthpb.HealthCheckResponse_SERVING
	switch req.GetService() {
	case "liveness":
	case "", "readiness":
		if h.app.Ready() != nil {
			status = healthpb.HealthCheckResponse_NOT_SERVING
		}
	default:
		return h.Server.Check(ctx, req) // answers NOT_FOUND, as the protocol wants
	}
	return &healthpb.HealthCheckResponse{Status: status}, nil
}
