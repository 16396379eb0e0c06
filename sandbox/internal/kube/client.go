// Package kube is the little that the sandbox itself asks of its API server.
package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/pki"
)

// Client talks to one API server.
type Client struct {
	Server string
	http   *http.Client
}

// New makes a client that trusts the authority and shows the certificate.
func New(server string, ca []byte, user pki.Pair) (Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return Client{}, errors.New("API client: the authority's certificate is not PEM")
	}
	cert, err := tls.X509KeyPair(user.Cert, user.Key)
	if err != nil {
		return Client{}, fmt.Errorf("API client: %w", err)
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
		MaxIdleConnsPerHost: 16,
		ForceAttemptHTTP2:   true,
	}
	return Client{Server: server, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}, nil
}

// Do sends one request. Every answer is an answer; only a failure to get one
// is an error.
func (c Client) Do(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Server+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("API request: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "sandbox")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("API request: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("API request %s %s: %w", method, path, err)
	}
	return resp.StatusCode, answer, nil
}

// Apply applies an object by server-side apply. While the API server is still
// starting, namespaces and admission may not be there yet: it tries until the
// context ends.
func (c Client) Apply(ctx context.Context, path string, object []byte) error {
	var last error
	for {
		status, answer, err := c.Do(ctx, http.MethodPatch, path+"?fieldManager=sandbox&force=true", "application/apply-patch+yaml", object)
		switch {
		case err != nil:
			last = err
		case status < 300:
			return nil
		case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
			return fmt.Errorf("apply %s: %s", path, answer)
		default:
			last = fmt.Errorf("HTTP %d: %s", status, answer)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("apply %s: %w; last answer: %w", path, context.Cause(ctx), last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Answers says whether a GET of an URL path or of a whole URL gives 200.
func (c Client) Answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", "sandbox")
	resp, err := c.http.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
