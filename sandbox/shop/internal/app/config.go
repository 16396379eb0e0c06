// Package app is what the shop's services have in common: configuration, health
// endpoints, metrics, faults, calls to each other, and a shutdown that loses no
// request.
package app

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// Identity says who answers.
type Identity struct {
	Service string `json:"service"`
	Version string `json:"version"`
	Pod     string `json:"pod"`
}

// Config is how a service runs, as its environment says.
type Config struct {
	Identity
	// ListenHost is the address of all ports; empty means every address
	// (LISTEN_HOST). With 127.0.0.1 the service works for itself and for nobody else.
	ListenHost string
	// Port serves requests and health (PORT); MetricsPort serves /metrics,
	// health and /faults (METRICS_PORT). 0 takes a free one.
	Port, MetricsPort int
	// ShutdownDelay is how long the service goes on answering after SIGTERM,
	// unready and closing its connections (SHUTDOWN_DELAY). It has to be longer
	// than the time for which a client keeps an idle connection.
	ShutdownDelay time.Duration
	// ShutdownTimeout bounds the wait for requests in flight (SHUTDOWN_TIMEOUT).
	ShutdownTimeout time.Duration
	// Start holds the faults of the start, Faults those of requests.
	Start  fault.Start
	Faults *fault.Set
}

// ReadConfig reads the configuration of a service. The error names every
// variable that is wrong.
func ReadConfig(service string, port int, r *env.Reader) (Config, error) {
	c := Config{
		Identity:        Identity{Service: service, Version: r.String("SHOP_VERSION", "dev"), Pod: r.Get("POD_NAME")},
		ListenHost:      r.Get("LISTEN_HOST"),
		Port:            r.Int("PORT", port, 0, 65535),
		MetricsPort:     r.Int("METRICS_PORT", 9100, 0, 65535),
		ShutdownDelay:   r.Duration("SHUTDOWN_DELAY", 3*time.Second),
		ShutdownTimeout: r.Duration("SHUTDOWN_TIMEOUT", 15*time.Second),
		Start:           fault.ReadStart(r),
	}
	var faultsErr, hostErr error
	c.Faults, faultsErr = fault.NewSet(r.Get, time.Now)
	if c.Pod == "" {
		if c.Pod, hostErr = os.Hostname(); hostErr != nil {
			hostErr = fmt.Errorf("POD_NAME is not set and there is no host name: %w", hostErr)
		}
	}
	return c, errors.Join(r.Err(), faultsErr, hostErr)
}
