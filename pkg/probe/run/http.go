package run

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// bodyRead is how much of a body the kubelet reads (pkg/probe/http, maxRespBodyLength).
const bodyRead = 10 << 10

// redirectsFollowed is after how many of them it gives up.
const redirectsFollowed = 10

// request makes the kubelet's request (pkg/probe/http/request.go): its own
// headers stand where the probe does not set them, an empty Accept sends none,
// and a Host header is the host that is asked for.
func request(ctx context.Context, action *corev1.HTTPGetAction, host string, port int, agent string) (*http.Request, error) {
	scheme := strings.ToLower(string(action.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	at, err := url.Parse(action.Path)
	if err != nil {
		at = &url.URL{Path: action.Path} // what is no path is sent as it is
	}
	at.Scheme, at.Host = scheme, net.JoinHostPort(host, strconv.Itoa(port))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	headers := http.Header{}
	for _, h := range action.HTTPHeaders {
		headers.Add(h.Name, h.Value)
	}
	if _, ok := headers["User-Agent"]; !ok {
		headers.Set("User-Agent", agent)
	}
	if _, ok := headers["Accept"]; !ok {
		headers.Set("Accept", "*/*")
	} else if headers.Get("Accept") == "" {
		headers.Del("Accept")
	}
	req.Header, req.Host = headers, headers.Get("Host")
	return req, nil
}

// web is one HTTP run.
type web struct {
	way   Way
	clock *Clock
	// exchanges is how often messages go to the pod and back until an answer is there.
	exchanges int

	mu   sync.Mutex
	last net.Conn
	came time.Time // of the last byte
}

// get sends the request and judges what comes back (pkg/probe/http/http.go, DoHTTPProbe).
//
// Its error is that of a way that broke, which is no verdict.
func (w *web) get(ctx context.Context, req *http.Request) (probe.Sample, error) {
	w.exchanges = 1
	if req.URL.Scheme == "https" {
		w.exchanges = 2
	}
	client := &http.Client{Transport: w.transport(), CheckRedirect: sameHost}
	res, err := client.Do(req)
	if err != nil {
		err = w.said(ctx, err)
		if isGone(err) {
			return probe.Sample{}, err
		}
		return probe.Sample{Verdict: probe.Failure, Reason: err.Error(), Took: w.clock.took(time.Now()), Late: late(ctx)}, nil
	}
	defer res.Body.Close()
	if err := w.read(res); err != nil {
		if isGone(err) {
			return probe.Sample{}, err
		}
		if late(ctx) {
			err = errors.New("context deadline exceeded (Client.Timeout or context cancellation while reading body)")
		}
		return probe.Sample{Verdict: probe.Discarded, Reason: err.Error(), Took: w.clock.took(time.Now()), Late: late(ctx)}, nil
	}
	s := probe.Sample{Verdict: probe.Success, Took: w.clock.took(w.ended())}
	switch {
	case res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusBadRequest:
		s.Verdict, s.Reason = probe.Failure, fmt.Sprintf("HTTP probe failed with statuscode: %d", res.StatusCode)
	case res.StatusCode >= http.StatusMultipleChoices:
		s.Warning, s.Reason = true, "Probe terminated redirects"
	}
	return s, nil
}

// transport is the kubelet's: no certificate is verified, no proxy asked, no connection kept.
func (w *web) transport() *http.Transport {
	return utilnet.SetTransportDefaults(&http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives:  true,
		Proxy:              http.ProxyURL(nil),
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, text, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("split %s: %w", address, err)
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				return nil, fmt.Errorf("port of %s: %w", address, err)
			}
			conn, err := w.way.Dial(ctx, w.clock, host, port, w.exchanges)
			if err != nil {
				return nil, err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.last = conn
			return &noted{Conn: conn, by: w}, nil
		},
	})
}

// sameHost follows redirects to the same host name, whatever the port (RedirectChecker).
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Hostname() != via[0].URL.Hostname() {
		return http.ErrUseLastResponse
	}
	if len(via) >= redirectsFollowed {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// read reads as much of the body as the kubelet does. Where only the end of the
// connection ends the body, and that is learnt late, this side ends it in time.
func (w *web) read(res *http.Response) error {
	w.mu.Lock()
	conn, ok := w.last.(lateEnd)
	w.mu.Unlock()
	open := ok && res.ProtoMajor == 1 && res.ContentLength < 0 && len(res.TransferEncoding) == 0
	if open {
		end := time.AfterFunc(max(0, w.clock.Left()-lingers), func() { _ = conn.CloseWrite() })
		defer end.Stop()
	}
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, bodyRead))
	if err != nil {
		return err
	}
	if open && n < bodyRead {
		w.clock.Pause()
		return conn.Broken()
	}
	return nil
}

// lingers is a little less than how long the other end of a port forwarding
// goes on after one side has ended (containerd, internal/cri/server/sandbox_portforward_linux.go).
const lingers = 900 * time.Millisecond

// said gives the kubelet's words for a request without an answer.
func (w *web) said(ctx context.Context, err error) error {
	var at *url.Error
	if !errors.As(err, &at) {
		return err
	}
	cause := at.Err
	w.mu.Lock()
	defer w.mu.Unlock()
	if late(ctx) {
		cause = errors.New("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
	} else if conn, ok := w.last.(lateEnd); ok {
		if broken := conn.Broken(); broken != nil {
			cause = broken
		}
	}
	return &url.Error{Op: at.Op, URL: at.URL, Err: cause}
}

// ended is when the last byte came, now where none was noted.
func (w *web) ended() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.came.IsZero() {
		return time.Now()
	}
	return w.came
}

// noted is a connection that notes when its last byte came.
type noted struct {
	net.Conn
	by *web
}

func (n *noted) Read(p []byte) (int, error) {
	count, err := n.Conn.Read(p)
	if count > 0 {
		n.by.mu.Lock()
		n.by.came = time.Now()
		n.by.mu.Unlock()
	}
	return count, err
}
