package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// relayScript connects to an address and passes bytes on, with bash or with a
// netcat that starts a program, as busybox has it. It waits for a line first, so
// that what the way takes can be measured, and says when it is connected.
const relayScript = `exec 3<&0; echo ready >&2; read -r _
if command -v bash >/dev/null 2>&1; then
  exec bash -c 'exec 5<>"/dev/tcp/$0/$1" || exit 1; echo connected >&2; cat <&3 >&5 & exec cat <&5' "$1" "$2"
fi
if command -v nc >/dev/null 2>&1; then
  exec 4>&1; exec nc "$1" "$2" -e sh -c 'echo connected >&2; cat <&3 & exec cat >&4'
fi
echo no program to relay with >&2; exit 127`

// Relay is a way through a command in a container: of a helper pod, or of the pod itself.
type Relay struct {
	remote    *Remote
	container string
	transport probe.Transport
}

// NewRelay makes the way; a transport names it.
func NewRelay(remote *Remote, container string, transport probe.Transport) *Relay {
	return &Relay{remote: remote, container: container, transport: transport}
}

// Transport names it.
func (r *Relay) Transport() probe.Transport { return r.transport }

// Dial starts a relay and waits until it is connected.
func (r *Relay) Dial(ctx context.Context, clock *Clock, host string, port, exchanges int) (net.Conn, error) {
	clock.Pause()
	c := r.start(ctx, host, port)
	if err := c.line(ctx, "ready"); err != nil {
		_ = c.Close()
		return nil, err
	}
	clock.Resume(0)
	begun := time.Now()
	if _, err := io.WriteString(c, "go\n"); err != nil {
		_ = c.Close()
		return nil, lost("the relay has ended: %w", err)
	}
	if err := c.line(ctx, "connected"); err != nil {
		_ = c.Close()
		return nil, err
	}
	trip := time.Since(begun)
	clock.Pause()
	clock.Resume(time.Duration(1+exchanges) * trip) // the way to the connection, too
	return c, nil
}

// Reach is Dial without a use for the connection.
func (r *Relay) Reach(ctx context.Context, clock *Clock, host string, port int) (bool, error) {
	c, err := r.Dial(ctx, clock, host, port, 0)
	if err != nil {
		return false, err
	}
	return false, c.Close()
}

// start runs the script; the connection it gives is not connected yet.
func (r *Relay) start(ctx context.Context, host string, port int) *relayed {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	in, toPod := io.Pipe()
	fromPod, out := io.Pipe()
	said, words := io.Pipe()
	c := &relayed{PipeReader: fromPod, in: toPod, cancel: cancel, words: make(chan string, 16), done: make(chan struct{}), address: net.JoinHostPort(host, strconv.Itoa(port))}
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			c.note(lines.Text())
		}
		close(c.words)
	}()
	go func() {
		err := r.remote.stream(inner, r.container, []string{"sh", "-c", relayScript, "sh", host, strconv.Itoa(port)},
			remotecommand.StreamOptions{Stdin: in, Stdout: out, Stderr: words}, func() {})
		_ = words.Close()
		c.end(err)
		_ = out.CloseWithError(c.failure())
		_ = in.CloseWithError(io.ErrClosedPipe)
	}()
	return c
}

// relayed is a connection through a relay.
type relayed struct {
	*io.PipeReader
	in      *io.PipeWriter
	cancel  context.CancelFunc
	words   chan string
	done    chan struct{}
	address string

	mu    sync.Mutex
	heard []string
	err   error
}

func (c *relayed) note(text string) {
	c.mu.Lock()
	if len(c.heard) < 8 {
		c.heard = append(c.heard, text)
	}
	c.mu.Unlock()
	select {
	case c.words <- text:
	default:
	}
}

// line waits until the script says a word.
func (c *relayed) line(ctx context.Context, word string) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case text, ok := <-c.words:
			if ok && text == word {
				return nil
			}
			if !ok {
				select {
				case <-c.done:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				if err := c.failure(); !errors.Is(err, io.EOF) {
					return err
				}
				return lost("the relay ended without a word")
			}
		}
	}
}

func (c *relayed) end(err error) {
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	close(c.done)
}

var saysNoRelay = regexp.MustCompile(`(?i)(no program to relay|invalid option|unrecognized option|usage:|not found|no such file|executable file)`)

// failure is what a connection would have said in place of the relay; io.EOF for an orderly end.
func (c *relayed) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return io.EOF
	}
	text := strings.Join(c.heard, "; ")
	switch {
	case saysRefused.MatchString(text):
		return refusal(c.address, fmt.Errorf("connect: %w", syscall.ECONNREFUSED))
	case saysReset.MatchString(text):
		return &net.OpError{Op: "read", Net: "tcp", Addr: named(c.address), Err: fmt.Errorf("read: %w", syscall.ECONNRESET)}
	case isGone(c.err):
		return c.err
	case saysNoRelay.MatchString(text + c.err.Error()):
		return lost("there is no bash, and no nc that takes -e, to relay with: %s", shortly(c.err))
	case strings.Contains(text, "connected"):
		return io.ErrUnexpectedEOF
	}
	return refusal(c.address, errors.New(strings.TrimSpace(strings.TrimPrefix(text, "ready; "))))
}

// Write sends to the pod.
func (c *relayed) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close ends the relay.
func (c *relayed) Close() error {
	_ = c.in.Close()
	_ = c.PipeReader.Close()
	c.cancel()
	return nil
}

// LocalAddr is a name only.
func (c *relayed) LocalAddr() net.Addr { return named("relay") }

// RemoteAddr is where the relay connects to.
func (c *relayed) RemoteAddr() net.Addr { return named(c.address) }

// SetDeadline does nothing: whoever waits closes the connection.
func (c *relayed) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *relayed) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *relayed) SetWriteDeadline(time.Time) error { return nil }
