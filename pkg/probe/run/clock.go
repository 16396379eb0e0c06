// Package run asks live containers what their probes ask, as the kubelet does:
// the requests, the rules for a verdict and the words are those of
// k8s.io/kubernetes/pkg/probe, v1.36. How a container is reached is another
// matter: see Way.
package run

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errLate is the cause of a context that a probe's timeout ended.
var errLate = errors.New("the probe's timeout is over")

// Clock is a probe's timeout. It stands still while a way to the pod is being
// made, which the kubelet does not have to do, and grants what messages take on it.
type Clock struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	begun   time.Time
	left    time.Duration // at begun, or while it stands still
	stands  bool
	spent   time.Duration // before begun
	granted time.Duration
	stopped bool
}

// newClock starts a timeout; the context ends with it.
func newClock(ctx context.Context, timeout time.Duration) (context.Context, *Clock) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Clock{cancel: cancel, begun: time.Now(), left: timeout}
	c.timer = time.AfterFunc(timeout, func() { cancel(errLate) })
	return ctx, c
}

// Pause lets the clock stand still.
func (c *Clock) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stands || c.stopped {
		return
	}
	c.timer.Stop()
	gone := time.Since(c.begun)
	c.left, c.spent, c.stands = c.left-gone, c.spent+gone, true
}

// Resume lets it go on, with more time for what the way takes by itself.
func (c *Clock) Resume(grant time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stands || c.stopped {
		return
	}
	c.begun, c.stands = time.Now(), false
	c.left, c.granted = c.left+grant, c.granted+grant
	c.timer.Reset(max(0, c.left))
}

// Left is what remains of the timeout.
func (c *Clock) Left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stands {
		return c.left
	}
	return c.left - time.Since(c.begun)
}

// took is how long the answer took until the moment given, without the pauses
// and what was granted; never 0, which would mean that it is not known.
func (c *Clock) took(until time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.spent
	if !c.stands {
		all += until.Sub(c.begun)
	}
	return max(time.Microsecond, all-c.granted)
}

// stop ends the timeout without a verdict.
func (c *Clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.timer.Stop()
	c.cancel(context.Canceled)
}

// late says that the timeout ended the context.
func late(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errLate) }
