// Package proxy stands between a driver and the API server: it notes what the
// driver asks for, and makes one chosen request go wrong.
package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// maxBody bounds what is read of a request; it is the API server's own bound.
const maxBody = 3 << 20

// Proxy passes requests on to an API server as the user of its configuration.
type Proxy struct {
	address   string
	transport http.RoundTripper
	forward   *httputil.ReverseProxy
	underWay  sync.WaitGroup

	mu       sync.Mutex
	requests []*Request
	counts   map[Class]int
	holders  map[string]string
	faults   []*planned
	each     func(*Request) *planned
	hit      map[string]bool
	kill     func()
	conns    map[net.Conn]bool
	cutUntil time.Time
}

// Start begins to listen on loopback, without TLS; the test's end ends it.
func Start(t testing.TB, config *rest.Config) *Proxy {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p := &Proxy{transport: transport, counts: map[Class]int{}, holders: map[string]string{}, hit: map[string]bool{}, conns: map[net.Conn]bool{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		// A server that is away looks from behind a proxy as it does without one.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p.address = listener.Addr().String()
	server := &http.Server{Handler: p, ConnState: p.connState, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

// Kubeconfig writes a kubeconfig that leads here and returns its path.
func (p *Proxy) Kubeconfig(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: proxy, cluster: {server: "http://%s"}}]
users: [{name: proxy, user: {}}]
contexts: [{name: proxy, context: {cluster: proxy, user: proxy}}]
current-context: proxy
`, p.address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// OnKill says how the driver behind this proxy is killed; the function returns
// once the driver is dead.
func (p *Proxy) OnKill(kill func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill = kill
}

// Requests are those that came so far.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Request
	for _, r := range p.requests {
		all = append(all, *r)
	}
	return all
}

// Writes are the requests that change something, without renewals of a lease.
func (p *Proxy) Writes() []Request {
	var writes []Request
	for _, r := range p.Requests() {
		if r.Class == ClassWrite {
			writes = append(writes, r)
		}
	}
	return writes
}

// Idle waits until every request that came has had what was planned for it.
func (p *Proxy) Idle() { p.underWay.Wait() }

// ServeHTTP passes one request on, or does what was planned for it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.underWay.Add(1)
	defer p.underWay.Done()
	seen, fault := p.note(r, body)
	if fault == nil {
		p.pass(w, r, seen)
		return
	}
	p.fail(w, r, seen, fault.Fault)
	close(fault.done)
}

// note writes a request down and says what is planned for it.
func (p *Proxy) note(r *http.Request, body []byte) (*Request, *planned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.cutUntil) {
		panic(http.ErrAbortHandler)
	}
	seen := &Request{At: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: body, UserAgent: r.UserAgent()}
	seen.Class = p.classify(seen)
	p.counts[seen.Class]++
	p.counts[ClassAny]++
	seen.N = p.counts[seen.Class]
	p.requests = append(p.requests, seen)
	for _, f := range p.faults {
		if !f.hit && (f.of == seen.Class || f.of == ClassAny) && p.counts[f.of] == f.nth {
			f.hit = true
			seen.Fault = f.Fault.String()
			return seen, f
		}
	}
	if p.each == nil {
		return seen, nil
	}
	f := p.each(seen)
	if f != nil {
		seen.Fault = f.Fault.String()
	}
	return seen, f
}

// pass passes a request on. A write reaches the API server whatever becomes of its client.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, seen *Request) {
	if seen.Class != ClassRead {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
		defer cancel()
		r = r.WithContext(ctx)
	}
	p.forward.ServeHTTP(&watched{ResponseWriter: w, see: func(code int) { p.answered(seen, code) }}, r)
}

func (p *Proxy) answered(seen *Request, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen.Code = code
}

// send passes a request on whatever becomes of the client, and keeps the answer.
func (p *Proxy) send(r *http.Request, seen *Request) {
	p.pass(&nowhere{header: http.Header{}}, r.WithContext(context.WithoutCancel(r.Context())), seen)
}

// watched tells the status of an answer.
type watched struct {
	http.ResponseWriter
	see func(code int)
}

func (w *watched) WriteHeader(code int) {
	w.see(code)
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets the reverse proxy flush.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// nowhere takes an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
