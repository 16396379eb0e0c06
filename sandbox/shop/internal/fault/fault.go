// Package fault makes a service misbehave on demand. Every fault is set by an
// environment variable; those that act on requests can also be changed while
// the service runs.
package fault

import (
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// After is a moment counted from the start, or never.
type After struct {
	Set   bool
	Delay time.Duration
}

// Start holds the faults that are fixed when the process starts.
type Start struct {
	// Delay passes before the service listens (START_DELAY).
	Delay time.Duration
	// Crash ends the process with Code (CRASH_AFTER, CRASH_CODE). A code of 0
	// is a service that finishes as if it were a batch job.
	Crash After
	Code  int
	// Message is logged before the crash (CRASH_MESSAGE).
	Message string
	// MemoryMB is how many MB (2^20 bytes) are taken and touched each second
	// (MEMORY_MB_PER_SECOND); the kernel ends it.
	MemoryMB int
	// IgnoreTerm leaves SIGTERM unanswered, so that only SIGKILL at the end of
	// the grace period stops the process (IGNORE_SIGTERM).
	IgnoreTerm bool
	// RequireEnv names variables without which the service refuses to start
	// (REQUIRE_ENV, comma-separated).
	RequireEnv []string
}

// Request holds the faults that act on requests and can change at run time.
type Request struct {
	// Latency is added to each request, give or take a random part of Jitter
	// (LATENCY, LATENCY_JITTER). Health endpoints are spared.
	Latency, Jitter time.Duration
	// HealthLatency is added to each health request (HEALTH_LATENCY).
	HealthLatency time.Duration
	// ErrorRate is the share of requests that fail with ErrorCode
	// (ERROR_RATE, ERROR_CODE).
	ErrorRate float64
	ErrorCode int
	// Unready makes readiness fail (UNREADY: always, or a delay).
	Unready After
	// Deadlock makes every request hang, health included, while the port still
	// accepts connections (DEADLOCK_AFTER).
	Deadlock After
}

// ReadStart reads the faults of the start.
func ReadStart(r *env.Reader) Start {
	s := Start{
		Delay:      r.Duration("START_DELAY", 0),
		Crash:      after(r, "CRASH_AFTER"),
		Code:       r.Int("CRASH_CODE", 1, 0, 255),
		Message:    r.String("CRASH_MESSAGE", "crash asked for by CRASH_AFTER"),
		MemoryMB:   r.Int("MEMORY_MB_PER_SECOND", 0, 0, 4096),
		IgnoreTerm: r.Bool("IGNORE_SIGTERM"),
		RequireEnv: r.List("REQUIRE_ENV"),
	}
	for _, name := range s.RequireEnv {
		r.Required(name)
	}
	return s
}

// RequestNames returns the variables that ReadRequest reads.
func RequestNames() []string {
	return []string{"LATENCY", "LATENCY_JITTER", "HEALTH_LATENCY", "ERROR_RATE", "ERROR_CODE", "UNREADY", "DEADLOCK_AFTER"}
}

// ReadRequest reads the faults that act on requests.
func ReadRequest(r *env.Reader) Request {
	q := Request{
		Latency:       r.Duration("LATENCY", 0),
		Jitter:        r.Duration("LATENCY_JITTER", 0),
		HealthLatency: r.Duration("HEALTH_LATENCY", 0),
		ErrorRate:     r.Share("ERROR_RATE"),
		ErrorCode:     r.Int("ERROR_CODE", 500, 400, 599),
		Deadlock:      after(r, "DEADLOCK_AFTER"),
	}
	if r.Get("UNREADY") == "always" {
		q.Unready = After{Set: true}
	} else {
		q.Unready = after(r, "UNREADY")
	}
	return q
}

func after(r *env.Reader, name string) After {
	return After{Set: r.Get(name) != "", Delay: r.Duration(name, 0)}
}
