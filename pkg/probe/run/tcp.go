package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// connect is a TCP probe (pkg/probe/tcp/tcp.go): a connection that can be opened passes.
func connect(ctx context.Context, way Way, clock *Clock, host string, port int) (probe.Sample, error) {
	timed, err := way.Reach(ctx, clock, host, port)
	if err == nil {
		s := probe.Sample{Verdict: probe.Success}
		if timed {
			s.Took = clock.took(time.Now())
		}
		return s, nil
	}
	if isGone(err) {
		return probe.Sample{}, err
	}
	s := probe.Sample{Verdict: probe.Failure, Reason: err.Error(), Late: late(ctx)}
	if s.Late {
		s.Reason = fmt.Sprintf("dial tcp %s: i/o timeout", net.JoinHostPort(host, strconv.Itoa(port)))
	} else if timed {
		s.Took = clock.took(time.Now())
	}
	return s, nil
}

// refusal is the error of a dial that was refused at an address.
func refusal(address string, cause error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: named(address), Err: cause}
}

// named is an address that is only told.
type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

// gone says that what broke is the way and not the probe.
type goneError struct{ err error }

func (e *goneError) Error() string { return e.err.Error() }
func (e *goneError) Unwrap() error { return e.err }

// lost wraps what ended the way to the pod itself.
func lost(format string, args ...any) error { return &goneError{fmt.Errorf(format, args...)} }

func isGone(err error) bool {
	var gone *goneError
	return errors.As(err, &gone)
}
