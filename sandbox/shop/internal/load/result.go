package load

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Kind says how a request ended.
type Kind string

// The ways in which a request ends. Everything but KindOK is a failure.
const (
	KindOK       Kind = "ok"
	KindRefused  Kind = "refused"   // nothing listens, or the Service has no endpoint
	KindConnect  Kind = "connect"   // any other failure to connect
	KindDNS      Kind = "dns"       // the name did not resolve
	KindTimeout  Kind = "timeout"   // no whole answer in time, connecting included
	KindReset    Kind = "reset"     // the peer tore the connection down
	KindClosed   Kind = "closed"    // the peer closed before the whole answer was there
	KindHTTP4xx  Kind = "http-4xx"  // the server blames the request
	KindHTTP5xx  Kind = "http-5xx"  // the server failed
	KindNotSent  Kind = "not-sent"  // too many requests were in flight already
	KindForeign  Kind = "foreign"   // the address is neither private nor loopback
	KindProtocol Kind = "protocol"  // no HTTP, or another error
	KindCanceled Kind = "cancelled" // the run was interrupted; neither a success nor a failure
)

// result is one request. Times are offsets from the start of the run.
type result struct {
	// scheduled is when the request was due, sent when it left, done when it ended.
	scheduled, sent, done time.Duration
	status                int
	version, pod          string
	// retried says that the HTTP client sent the request again by itself, after
	// a connection that it had kept turned out to be closed.
	retried bool
	kind    Kind
	err     error
}

// latency counts from when the request was due: a server that stalls must not
// look better for holding up the requests behind it.
func (r result) latency() time.Duration { return r.done - r.scheduled }

var errForeign = errors.New("load goes to loopback and private addresses only")

// classify turns a transport error into a kind.
func classify(err error) Kind {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errForeign):
		return KindForeign
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.As(err, &dns):
		return KindDNS
	case os.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return KindReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		// net/http does not export this error.
		strings.Contains(err.Error(), "server closed idle connection"):
		return KindClosed
	case errors.As(err, &op) && op.Op == "dial":
		return KindConnect
	}
	return KindProtocol
}

func kindOfStatus(status int) Kind {
	switch {
	case status >= 500:
		return KindHTTP5xx
	case status >= 400:
		return KindHTTP4xx
	}
	return KindOK
}
