package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Service is what makes one service differ from another. Each part may be nil.
type Service struct {
	// HTTP answers the business requests on the service's port.
	HTTP http.Handler
	// GRPC registers the business methods on the service's port, which then
	// speaks gRPC and not HTTP.
	GRPC func(*grpc.Server)
	// Loop works in the background until its context ends.
	Loop func(context.Context, *App) error
}

// App is a service that listens.
type App struct {
	cfg     Config
	svc     Service
	log     *slog.Logger
	kit     Kit
	metrics *metrics

	draining atomic.Bool
	main     net.Listener
	side     net.Listener
	http     *http.Server
	grpc     *grpc.Server
	sideHTTP *http.Server
}

// Listen opens the ports of a service. Nothing is answered before Run.
func Listen(cfg Config, svc Service, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, svc: svc, log: log, kit: Kit{cfg.Identity, log}, metrics: newMetrics(cfg.Identity)}
	var err error
	if a.side, err = listen(cfg.ListenHost, cfg.MetricsPort); err != nil {
		return nil, err
	}
	if svc.HTTP != nil || svc.GRPC != nil {
		if a.main, err = listen(cfg.ListenHost, cfg.Port); err != nil {
			return nil, errors.Join(err, a.side.Close())
		}
	}
	a.sideHTTP = newServer(a.sideHandler())
	switch {
	case svc.GRPC != nil:
		a.grpc = a.newGRPCServer()
	case svc.HTTP != nil:
		a.http = newServer(a.mainHandler())
	}
	return a, nil
}

func listen(host string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return l, nil
}

func newServer(h http.Handler) *http.Server {
	// The idle timeout is far above the two seconds of the shop's own clients:
	// the side that sends requests should be the one that closes.
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 75 * time.Second}
}

func (a *App) newGRPCServer() *grpc.Server {
	// A gRPC connection goes to one pod and stays there; an age limit spreads
	// the calls again after a scale-up.
	s := grpc.NewServer(
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 30 * time.Second, MaxConnectionAgeGrace: 10 * time.Second}),
		grpc.UnaryInterceptor(a.intercept))
	a.registerGRPCHealth(s)
	a.svc.GRPC(s)
	return s
}

// Addr returns the address of the service's port, MetricsAddr that of the side
// port. Both are for tests that listen on port 0.
func (a *App) Addr() string { return a.main.Addr().String() }

// MetricsAddr returns the address of the side port.
func (a *App) MetricsAddr() string { return a.side.Addr().String() }

// Run serves until ctx ends and then shuts down without losing a request. It
// returns a *fault.Exit if the process is to end at once.
func (a *App) Run(ctx context.Context) error {
	crash := make(chan error, 1)
	crashCtx, stopCrash := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCrash()
	go func() { crash <- a.cfg.Start.Run(crashCtx) }()

	failed := make(chan error, 3)
	go func() { failed <- served(a.sideHTTP.Serve(a.side)) }()
	switch {
	case a.grpc != nil:
		go func() { failed <- served(a.grpc.Serve(a.main)) }()
	case a.http != nil:
		go func() { failed <- served(a.http.Serve(a.main)) }()
	}
	loopDone := make(chan struct{})
	loopCtx, stopLoop := context.WithCancel(ctx)
	defer stopLoop()
	go func() {
		defer close(loopDone)
		if a.svc.Loop != nil {
			failed <- a.svc.Loop(loopCtx, a)
		}
	}()
	a.log.Info("serving", "port", a.cfg.Port, "metricsPort", a.cfg.MetricsPort)

	for {
		select {
		case err := <-crash:
			return err
		case err := <-failed:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return a.shutdown(context.WithoutCancel(ctx), crash, loopDone)
		}
	}
}

// served takes the word "closed" for what it is: the end of a shutdown.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// shutdown goes in the order that loses nothing: say "not ready", go on
// answering while the endpoints change and clients let go of their connections,
// stop accepting, wait for what is in flight.
func (a *App) shutdown(ctx context.Context, crash <-chan error, loopDone <-chan struct{}) error {
	a.draining.Store(true)
	a.log.Info("shutting down", "delay", a.cfg.ShutdownDelay.String())
	select {
	case err := <-crash:
		return err
	case <-time.After(a.cfg.ShutdownDelay):
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.ShutdownTimeout)
	defer cancel()
	var errs []error
	if a.http != nil {
		errs = append(errs, a.http.Shutdown(ctx))
	}
	if a.grpc != nil {
		errs = append(errs, stopGRPC(ctx, a.grpc))
	}
	select {
	case <-loopDone:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("the background loop did not end: %w", ctx.Err()))
	}
	errs = append(errs, a.sideHTTP.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	a.log.Info("stopped")
	return nil
}

func stopGRPC(ctx context.Context, s *grpc.Server) error {
	done := make(chan struct{})
	go func() { s.GracefulStop(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.Stop()
		return fmt.Errorf("gRPC calls in flight: %w", ctx.Err())
	}
}
