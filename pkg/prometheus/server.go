// Package prometheus reads time series for a snapshot from the HTTP API of a
// Prometheus, or of what speaks its language (Thanos, Mimir, VictoriaMetrics):
// at an address, or through the API server's proxy to a Service. It only reads,
// by GET alone, and gives up in bounded time.
package prometheus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

const (
	// patience bounds one query; Prometheus is told as well, so that it stops too.
	patience = 20 * time.Second
	// most bounds an answer. A query that a command sends asks for far less.
	most = 64 << 20
)

// Server is a Prometheus. It is safe for use by several goroutines.
type Server struct {
	// Name says where it is, for people: its address without credentials, or
	// "service monitoring/prometheus".
	Name string

	api      v1.API
	patience time.Duration
	requests *atomic.Int64
	proxied  bool
}

// At is the Prometheus at an address; nothing is sent yet. Credentials in the
// address are used (basic authentication) and never shown.
func At(address string) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &AddressError{}
	}
	u.RawQuery, u.Fragment = "", ""
	shown := *u
	shown.User = nil
	return newServer(u, http.DefaultTransport, shown.String(), false), nil
}

// AddressError says that an address is not one of HTTP. It does not repeat the
// address, which may hold a password.
type AddressError struct{}

// Error implements error.
func (*AddressError) Error() string { return "not an http:// or https:// address" }

func newServer(base *url.URL, transport http.RoundTripper, name string, proxied bool) *Server {
	s := &Server{Name: name, patience: patience, requests: &atomic.Int64{}, proxied: proxied}
	s.api = v1.NewAPI(&reader{base: base, http: &http.Client{Transport: transport}, requests: s.requests, most: most})
	return s
}

// Requests counts the requests sent so far; Proxied says that they went through the API server.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// Proxied says that requests go through the API server.
func (s *Server) Proxied() bool { return s.proxied }

// reader is what the client library sends through.
type reader struct {
	base     *url.URL
	http     *http.Client
	requests *atomic.Int64
	most     int64
}

var _ api.Client = (*reader)(nil)

// URL implements api.Client.
func (r *reader) URL(endpoint string, args map[string]string) *url.URL {
	for name, value := range args {
		endpoint = strings.ReplaceAll(endpoint, ":"+name, url.PathEscape(value))
	}
	u := *r.base
	u.Path = strings.TrimRight(u.Path, "/") + endpoint
	return &u
}

// Do implements api.Client. The library tries a POST first, which a proxy counts
// as a write (the verb create on services/proxy); it is answered here, as a
// server would that takes only GET, and the library then sends that.
func (r *reader) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	if req.Method != http.MethodGet {
		return &http.Response{StatusCode: http.StatusMethodNotAllowed}, nil, nil
	}
	return r.get(ctx, req)
}

// get sends a request; a refusal is an error.
func (r *reader) get(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	r.requests.Add(1)
	resp, err := r.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.most+1))
	if err != nil && ctx.Err() == nil {
		return resp, nil, &TroubleError{Kind: Unreachable, Detail: "read the answer: " + short(err.Error())}
	} else if err != nil {
		return resp, nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > r.most {
		return resp, nil, &TroubleError{Kind: TooBig, Detail: fmt.Sprintf("over %d MiB", r.most>>20)}
	}
	switch code := resp.StatusCode; {
	case code == http.StatusForbidden:
		return resp, nil, &TroubleError{Kind: Forbidden, Detail: req.URL.Path}
	case code == http.StatusUnauthorized:
		return resp, nil, &TroubleError{Kind: Unauthorized}
	}
	return resp, body, nil
}
