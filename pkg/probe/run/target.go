package run

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins of kubeconfig files
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
)

// Cluster is where pods are asked.
type Cluster struct {
	config   *rest.Config
	requests atomic.Int64
}

// NewCluster makes one for the configuration of a kubeconfig; nothing is sent yet.
func NewCluster(config *rest.Config, version string) *Cluster {
	c := &Cluster{config: rest.CopyConfig(config)}
	c.config.UserAgent = "kubectl-msa/" + version
	c.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			c.requests.Add(1)
			return next.RoundTrip(req)
		})
	})
	return c
}

// Requests counts what was sent to the API server.
func (c *Cluster) Requests() int { return int(c.requests.Load()) }

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// url is that of a subresource of a pod; "" is the pod itself.
func (c *Cluster) url(namespace, pod, subresource string, query url.Values) (*url.URL, error) {
	return c.at(query, "namespaces", namespace, "pods", pod, subresource)
}

// at is an address in the core group.
func (c *Cluster) at(query url.Values, path ...string) (*url.URL, error) {
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("address of the API server: %w", err)
	}
	base = base.JoinPath(append([]string{"api", "v1"}, path...)...)
	base.RawQuery = query.Encode()
	return base, nil
}

// falls says that a server does not take the newer form of a stream, so that the older one is to be tried.
func falls(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

// BarredError is a way that cannot be had at all: forbidden, or the pod is not there.
type BarredError struct {
	// Verb is what was missing: "create pods/portforward in namespace shop".
	Verb      string
	Forbidden bool
	Err       error
}

func (b *BarredError) Error() string {
	if b.Forbidden {
		return "forbidden: " + b.Verb
	}
	return b.Verb + ": " + shortly(b.Err)
}

// Unwrap gives the cause.
func (b *BarredError) Unwrap() error { return b.Err }

func barred(verb string, err error) error {
	return &goneError{&BarredError{Verb: verb, Forbidden: apierrors.IsForbidden(err) || strings.Contains(err.Error(), "is forbidden:"), Err: err}}
}

// shortly is an error on one line.
func shortly(err error) string {
	for _, prefix := range []string{"unable to upgrade connection: ", "unable to upgrade streaming request: ", "error sending request: "} {
		if _, after, found := strings.Cut(err.Error(), prefix); found {
			err = errors.New(after)
		}
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// wait runs work that knows no context, and leaves it behind when the context
// ends; discard then gets what it has made.
func wait[T any](ctx context.Context, work func() (T, error), discard func(T)) (T, error) {
	type result struct {
		made T
		err  error
	}
	done := make(chan result, 1)
	go func() {
		made, err := work()
		done <- result{made, err}
	}()
	select {
	case r := <-done:
		return r.made, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				discard(r.made)
			}
		}()
		var none T
		return none, context.Cause(ctx)
	}
}
