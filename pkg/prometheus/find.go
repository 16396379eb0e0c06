package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// looking bounds the whole search.
const looking = 15 * time.Second

// NotFoundError says that no Prometheus was found, and why.
type NotFoundError struct {
	// Trouble is what kept the search or the found Service from answering; nil
	// where no Service looks like a Prometheus.
	Trouble *TroubleError
	// Service is the one that did not answer, "" for none.
	Service string
}

// Error implements error.
func (e *NotFoundError) Error() string {
	switch {
	case e.Trouble == nil:
		return "no Service has the labels or the name of a Prometheus"
	case e.Service != "":
		return "service " + e.Service + ": " + e.Trouble.Error()
	}
	return e.Trouble.Error()
}

// Unwrap gives the trouble.
func (e *NotFoundError) Unwrap() error {
	if e.Trouble == nil {
		return nil
	}
	return e.Trouble
}

// usual are the labels and names that the common installations give their
// Service, the surest first: kube-prometheus and the Prometheus chart; the
// kube-prometheus-stack chart and its elders; the operator's own; plain names.
func usual() []url.Values {
	return []url.Values{
		{"labelSelector": {"app.kubernetes.io/name in (prometheus,thanos-query)"}},
		{"labelSelector": {"app in (prometheus,prometheus-server,kube-prometheus-stack-prometheus,prometheus-operator-prometheus,rancher-monitoring-prometheus)"}},
		{"labelSelector": {"operated-prometheus=true"}},
		{"fieldSelector": {"metadata.name=prometheus"}},
		{"fieldSelector": {"metadata.name=prometheus-server"}},
		{"fieldSelector": {"metadata.name=prometheus-k8s"}},
	}
}

// Find looks for a Prometheus among the cluster's Services, and asks it through
// the API server's proxy whether it is one. The error is a *NotFoundError, or
// the context's.
func Find(ctx context.Context, config *rest.Config) (*Server, error) {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	host, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	nothing, ways := &NotFoundError{}, usual()
	// The surest way first, by itself; where it leads nowhere, all others at once.
	for _, group := range [][]url.Values{ways[:1], ways[1:]} {
		for _, l := range lookAll(ctx, client, host, group) {
			if l.trouble != nil {
				nothing = &NotFoundError{Trouble: l.trouble}
			}
			for _, svc := range l.services {
				s := behind(host, client, svc)
				trouble := s.greet(ctx)
				if trouble == nil {
					return s, nil
				}
				nothing = &NotFoundError{Trouble: trouble, Service: svc.Namespace + "/" + svc.Name}
			}
			if parent.Err() != nil {
				return nil, context.Cause(parent)
			}
			if ctx.Err() != nil || l.trouble != nil && l.trouble.fatal() {
				return nil, nothing
			}
		}
	}
	return nil, nothing
}

// looked is what one of the usual ways found.
type looked struct {
	services []corev1.Service
	trouble  *TroubleError
}

// lookAll goes several ways at once; the answers are in their order.
func lookAll(ctx context.Context, client *http.Client, host *url.URL, ways []url.Values) []looked {
	out := make([]looked, len(ways))
	var wait sync.WaitGroup
	for i, by := range ways {
		wait.Go(func() { out[i].services, out[i].trouble = services(ctx, client, host, by) })
	}
	wait.Wait()
	return out
}

// services lists those that have a port, in order of namespace and name.
func services(ctx context.Context, client *http.Client, host *url.URL, by url.Values) ([]corev1.Service, *TroubleError) {
	r := &reader{base: host, http: client, requests: &atomic.Int64{}, most: most}
	u := r.URL("/api/v1/services", nil)
	u.RawQuery = by.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, troubleOf(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, body, err := r.get(ctx, req) //nolint:bodyclose // get has read and closed it
	if err != nil {
		trouble := troubleOf(err)
		if trouble.Kind == Forbidden {
			trouble.Detail = "list services in all namespaces"
		}
		return nil, trouble
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &TroubleError{Kind: Unreachable, Detail: fmt.Sprintf("the API server answered %d", resp.StatusCode)}
	}
	var list corev1.ServiceList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, &TroubleError{Kind: Unreachable, Detail: short("decode the list of Services: " + err.Error())}
	}
	out := slices.DeleteFunc(list.Items, func(s corev1.Service) bool { return len(s.Spec.Ports) == 0 })
	slices.SortFunc(out, func(a, b corev1.Service) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return out, nil
}

// behind is the Prometheus that a Service leads to. A request through the API
// server takes no longer than any other to it may (--request-timeout).
func behind(host *url.URL, client *http.Client, svc corev1.Service) *Server {
	p := port(svc.Spec.Ports)
	scheme := ""
	if p.Port == 443 || strings.HasPrefix(p.Name, "https") {
		scheme = "https:"
	}
	base := *host
	base.Path = strings.TrimRight(base.Path, "/") + fmt.Sprintf("/api/v1/namespaces/%s/services/%s%s:%d/proxy", svc.Namespace, scheme, svc.Name, p.Port)
	s := newServer(&base, client.Transport, "service "+svc.Namespace+"/"+svc.Name, true)
	if client.Timeout > 0 {
		s.patience = min(s.patience, client.Timeout)
	}
	return s
}

// port is the one that the HTTP API is most likely at.
func port(all []corev1.ServicePort) corev1.ServicePort {
	for _, name := range []string{"http-web", "web", "http", "https", "https-web"} {
		for _, p := range all {
			if p.Name == name {
				return p
			}
		}
	}
	for _, p := range all {
		if p.Port == 9090 {
			return p
		}
	}
	return all[0]
}

// greet asks a question that every Prometheus answers.
func (s *Server) greet(ctx context.Context) *TroubleError {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	value, _, err := s.api.Query(ctx, "vector(1)", time.Time{})
	if err == nil {
		if _, err = seriesOf(value); err == nil {
			return nil
		}
	}
	trouble := troubleOf(err)
	if trouble.Kind == Forbidden {
		trouble.Detail = "get services/proxy for " + s.Name
	}
	return trouble
}
