package live

import (
	"fmt"
	"net/http"
	"sync"
	"time"
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

// String is one line for people: "GET /api/v1/pods?limit=500 200 12ms".
func (r Request) String() string {
	status := "no answer"
	if r.Status != 0 {
		status = fmt.Sprint(r.Status)
	}
	return fmt.Sprintf("%s %s %s %s", r.Method, r.Path, status, r.Took.Round(time.Millisecond))
}

// meter notes every request that goes over the wire, retries and discovery
// included, and the server's clock. It is safe for use by several goroutines.
type meter struct {
	next http.RoundTripper

	mu       sync.Mutex
	requests []Request
	answers  int
	date     time.Time
	apart    clock
}

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	started := time.Now()
	resp, err := m.next.RoundTrip(req)
	r := Request{Method: req.Method, Path: req.URL.RequestURI(), Took: time.Since(started)}
	if resp != nil {
		r.Status = resp.StatusCode
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
	if resp != nil {
		m.answers++
		if d, parseErr := http.ParseTime(resp.Header.Get("Date")); parseErr == nil {
			m.apart.learn(started, started.Add(r.Took), d)
			if m.date.IsZero() {
				m.date = d
			}
		}
	}
	return resp, err
}

// WrappedRoundTripper lets client-go reach the transport below, to close its connections.
func (m *meter) WrappedRoundTripper() http.RoundTripper { return m.next }

func (m *meter) log() []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Request(nil), m.requests...)
}

func (m *meter) answered() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers > 0
}

// begin forgets the server's time, so that clock tells that of the reading which begins.
func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.date = time.Time{}
}

// clock is the time that the first answer since begin carried, zero if none did.
func (m *meter) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.date
}

// offset is how far the server's clock is ahead of the local one.
func (m *meter) offset() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apart.offset()
}
