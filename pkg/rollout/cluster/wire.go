package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// Request is one HTTP request that was sent, and how it ended.
type Request struct {
	Method string
	// Path is the path with its query.
	Path string
	// Status is the HTTP status, 0 where no answer came.
	Status int
	Took   time.Duration
}

// wire sees every request that is sent, and the server's clock in every answer.
type wire struct {
	next http.RoundTripper
	sent func(Request)

	mu sync.Mutex
	// server is the server's time at the local moment when; zero where no answer told it yet.
	server, when time.Time
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	started := time.Now()
	resp, err := w.next.RoundTrip(req)
	r := Request{Method: req.Method, Path: req.URL.RequestURI(), Took: time.Since(started)}
	if resp != nil {
		r.Status = resp.StatusCode
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			w.heard(date)
		}
	}
	if w.sent != nil {
		w.sent(r)
	}
	return resp, err
}

// WrappedRoundTripper lets client-go reach the transport below, to close its connections.
func (w *wire) WrappedRoundTripper() http.RoundTripper { return w.next }

// astray is how far the reckoned clock may be ahead of an answer's date and still be right:
// the date leaves out the part of a second, and the answer was on its way.
const astray = 3 * time.Second

// heard sets the clock. A date is the server's time less a part of a second, so
// of many dates the one that puts the clock furthest ahead is nearest. Only a
// date that is far behind, of a server whose clock was set back, is believed against it.
func (w *wire) heard(date time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.reckon()
	if w.server.IsZero() || date.After(now) || now.Sub(date) > astray {
		w.server, w.when = date, time.Now()
	}
}

func (w *wire) reckon() time.Time { return w.server.Add(time.Since(w.when)) }

// Now is the API server's clock, as told by its answers and reckoned on since
// with the steady part of the local one. It is exact to a second. Before the
// first answer it is the local clock.
func (c *Client) Now() time.Time {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.wire.server.IsZero() {
		return time.Now().UTC()
	}
	return c.wire.reckon().UTC()
}

// readRetries bounds how often a read is sent again by itself: when the server
// puts it off, or the connection breaks under it.
const readRetries = 3

// Call sends one request of JSON, bounded in time, and gives the answer's body.
// A request that may change something is sent once: whoever asked for it must
// know what became of it before it is sent again, and whether it is still meant.
func (c *Client) Call(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	// The server is told the limit too, so that it does not go on with what nobody waits for.
	req := c.json.Verb(method).RequestURI(path).Timeout(requestTime).MaxRetries(0)
	if method == http.MethodGet {
		req = req.MaxRetries(readRetries)
	}
	if body != nil {
		req = req.SetHeader("Content-Type", contentType).Body(body)
	}
	var data []byte
	err := c.bounded(ctx, func(ctx context.Context) error {
		var err error
		data, err = bodyOf(req.Do(ctx))
		return err
	})
	return data, err
}

// limiterGaveUp is what the limiter of requests says, before the time is over and
// without a type, of one that it could not let through in time (golang.org/x/time/rate, wait).
const limiterGaveUp = "would exceed context deadline"

// bounded gives one request its time. A request that got no answer in it leaves
// its connection behind: the server may be gone without a word, as after a
// failover, and the next request must not wait on it.
func (c *Client) bounded(ctx context.Context, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	err := do(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case strings.Contains(err.Error(), limiterGaveUp):
		return fmt.Errorf("the request was not sent in time: %w", context.DeadlineExceeded)
	case limited.Err() != nil || unanswered(err):
		utilnet.CloseIdleConnectionsFor(c.http.Transport)
		return &noAnswerError{cause(err)}
	}
	return cause(err)
}

// noAnswerError is a request to which no answer came in time, in fewer words than net/http has for it.
type noAnswerError struct{ err error }

func (e *noAnswerError) Error() string { return "no answer from the API server in time" }
func (e *noAnswerError) Unwrap() error { return e.err }

// bodyOf gives the answer as it came. Raw alone does not read the Status that an
// API server sends with a refusal.
func bodyOf(r rest.Result) ([]byte, error) {
	if err := r.Error(); err != nil {
		return nil, err
	}
	return r.Raw()
}
