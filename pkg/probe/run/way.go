package run

import (
	"context"
	"net"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// Way is how the ports of one pod are reached.
type Way interface {
	// Transport names it in the report.
	Transport() probe.Transport
	// Dial opens a connection to a port. It pauses the clock for what the kubelet
	// would not have to do, and grants it the time that messages take on the way
	// in so many exchanges.
	Dial(ctx context.Context, clock *Clock, host string, port, exchanges int) (net.Conn, error)
	// Reach says whether a connection can be opened, and whether the time that
	// took is known. The error of a connection that cannot be is that of a dial.
	Reach(ctx context.Context, clock *Clock, host string, port int) (timed bool, err error)
}

// halfCloser is a connection over which the end of what is sent can be told.
type halfCloser interface{ CloseWrite() error }

// lateEnd is a connection that learns late that the other side has ended: up to
// a second after it did, or once this side has.
type lateEnd interface {
	halfCloser
	// Broken gives the error with which it ended, nil for an orderly end.
	Broken() error
}
