package run

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/streaming/pkg/httpstream"
)

// forwarded is a TCP connection through port forwarding. Its end, and a
// connection that could not be made, are told on a stream of their own.
type forwarded struct {
	conn    httpstream.Connection
	data    httpstream.Stream
	err     httpstream.Stream
	port    int
	told    chan struct{} // closed once failure stands
	failure error
	over    <-chan bool // closed with the connection to the API server
	once    sync.Once
}

// largestFailure bounds what is read of the other side's complaint.
const largestFailure = 4 << 10

func newForwarded(conn httpstream.Connection, data, told httpstream.Stream, port int) *forwarded {
	f := &forwarded{conn: conn, data: data, err: told, port: port, told: make(chan struct{}), over: conn.CloseChan()}
	go func() {
		defer close(f.told)
		text, err := io.ReadAll(io.LimitReader(told, largestFailure))
		if err == nil && len(text) > 0 {
			f.failure = failureOf(string(text), port)
		}
	}()
	return f
}

// Broken waits for the reason of the end.
func (f *forwarded) Broken() error {
	patience := time.NewTimer(time.Second + lingers)
	defer patience.Stop()
	select {
	case <-f.told:
		return f.failure
	case <-f.over:
		return lost("port forwarding to the pod has ended")
	case <-patience.C:
		return nil
	}
}

// Read reads what the pod sends. The end of a connection that broke is an error.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	if err == nil || n > 0 {
		return n, nil
	}
	select {
	case <-f.told:
		if f.failure != nil {
			return 0, f.failure
		}
	default:
	}
	return 0, err
}

func (f *forwarded) Write(p []byte) (int, error) { return f.data.Write(p) }

// CloseWrite ends what is sent.
func (f *forwarded) CloseWrite() error { return f.data.Close() }

// Close ends both streams.
func (f *forwarded) Close() error {
	f.once.Do(func() {
		_ = f.data.Reset()
		_ = f.err.Reset()
		f.conn.RemoveStreams(f.data, f.err)
	})
	return nil
}

// LocalAddr is a name only.
func (f *forwarded) LocalAddr() net.Addr { return named("port-forward") }

// RemoteAddr is where the other side connects to.
func (f *forwarded) RemoteAddr() net.Addr { return named(fmt.Sprintf("127.0.0.1:%d", f.port)) }

// SetDeadline does nothing: whoever waits closes the connection.
func (f *forwarded) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (f *forwarded) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }

// The words of containerd and CRI-O, and of socat in older runtimes.
var (
	saysRefused = regexp.MustCompile(`(?i)connection refused`)
	saysReset   = regexp.MustCompile(`(?i)connection reset by peer`)
	saysNoPod   = regexp.MustCompile(`(?i)(failed to find sandbox|network namespace.*closed|pod not found|not running|no such file or directory)`)
)

// failureOf turns the other side's complaint into the error that a dial, or a read, would have had.
func failureOf(text string, port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	switch {
	case saysRefused.MatchString(text):
		return refusal(address, fmt.Errorf("connect: %w", syscall.ECONNREFUSED))
	case saysReset.MatchString(text):
		return &net.OpError{Op: "read", Net: "tcp", Addr: named(address), Err: fmt.Errorf("read: %w", syscall.ECONNRESET)}
	case saysNoPod.MatchString(text):
		return lost("the pod cannot be reached any more: %s", strings.TrimSpace(text))
	}
	return errors.New(strings.TrimSpace(text))
}
