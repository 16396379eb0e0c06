package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// faulty answers in a cycle of ten: how each tenth request ends is known.
func faulty(t *testing.T) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version := "v1"
		turn := n.Add(1) % 10
		if turn%2 == 0 {
			version = "v2"
		}
		w.Header().Set("X-Shop-Version", version)
		switch turn {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusNotFound)
		case 3: // closed before any answer
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		case 4: // torn down
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		case 5: // closed within the body
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		case 6:
			select {
			case <-r.Context().Done():
			case <-time.After(30 * time.Second):
			}
		default:
			_, _ = w.Write([]byte("ok"))
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestEveryEndIsCountedAsWhatItWas(t *testing.T) {
	srv := faulty(t)
	cfg := Config{URL: srv.URL, Method: "GET", Rate: 100, Duration: time.Second, Timeout: 3 * time.Second, MaxInFlight: 100}
	events := 0
	sum := cfg.Run(t.Context(), func(Event) { events++ })
	want := map[Kind]int{KindHTTP5xx: 10, KindHTTP4xx: 10, KindClosed: 20, KindReset: 10, KindTimeout: 10}
	for kind, n := range want {
		if sum.Failures[kind] != n {
			t.Errorf("%s: %d, want %d", kind, sum.Failures[kind], n)
		}
	}
	if sum.Requests != 100 || sum.OK != 40 || sum.Failed != 60 || len(sum.Failure) != 60 || events != 100 {
		t.Errorf("requests %d, ok %d, failed %d, listed %d, seen %d", sum.Requests, sum.OK, sum.Failed, len(sum.Failure), events)
	}
	// Turns 7, 8, 9 and 0 are good, 1 and 2 have a status, 5 has half a body.
	if sum.Versions["v1"] != 40 || sum.Versions["v2"] != 30 || sum.Statuses[200] != 50 || sum.Statuses[503] != 10 {
		t.Errorf("versions %v, statuses %v", sum.Versions, sum.Statuses)
	}
	total := 0
	for _, s := range sum.PerSecond {
		total += s.OK + s.Failed
	}
	if total != 100 {
		t.Errorf("the seconds hold %d requests", total)
	}
}

func TestNothingListens(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	sum := Config{URL: srv.URL, Method: "GET", Rate: 50, Duration: 200 * time.Millisecond, Timeout: time.Second, MaxInFlight: 10}.Run(t.Context(), nil)
	if sum.Failures[KindRefused] != 10 || sum.LatencyMs != nil {
		t.Errorf("%v, latency %v", sum.Failures, sum.LatencyMs)
	}
}

// A server that stalls for a while must show in the latency of what was due
// meanwhile, and not in fewer requests.
func TestAStallIsNotHidden(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	time.AfterFunc(600*time.Millisecond, func() { close(release) })
	sum := Config{URL: srv.URL, Method: "GET", Rate: 100, Duration: time.Second, Timeout: 5 * time.Second, KeepAlive: true, MaxInFlight: 1000}.Run(t.Context(), nil)
	if sum.OK != 100 {
		t.Fatalf("ok %d of 100", sum.OK)
	}
	slow := 0
	for _, l := range sum.latencies {
		if l > 100*time.Millisecond {
			slow++
		}
	}
	if slow < 40 { // about 50 were due in the first 500 ms of the stall
		t.Errorf("%d requests were slow", slow)
	}
}

func TestTooManyInFlight(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	refused := 0
	sum := Config{URL: srv.URL, Method: "GET", Rate: 100, Duration: 500 * time.Millisecond, Timeout: 30 * time.Second, MaxInFlight: 20}.Run(t.Context(), func(e Event) {
		if e.kind == KindNotSent {
			refused++
		}
		if refused == 30 {
			refused++ // once
			close(release)
		}
	})
	if sum.OK != 20 || sum.Failures[KindNotSent] != 30 {
		t.Errorf("ok %d, %v", sum.OK, sum.Failures)
	}
}

// The transport repeats a GET by itself on a kept connection that the server
// closed; that must not be invisible.
func TestHiddenRetriesAreCounted(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 5 {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}
	}))
	defer srv.Close()
	sum := Config{URL: srv.URL, Method: "GET", Rate: 50, Duration: 200 * time.Millisecond, Timeout: time.Second, KeepAlive: true, MaxInFlight: 10}.Run(t.Context(), nil)
	if sum.OK != 10 || sum.Retried != 1 {
		t.Errorf("ok %d, sent twice %d, %v", sum.OK, sum.Retried, sum.Failure)
	}
}

func TestOnlyPrivateAddresses(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": true, "10.1.2.3:80": true, "192.168.0.1:80": true, "172.16.0.1:80": true, "[::1]:80": true, "[fd00::1]:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:80": false, "172.32.0.1:80": false,
	} {
		if err := privateOnly("tcp", address, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{{hundred, .5, 50}, {hundred, .9, 90}, {hundred, .999, 100}, {hundred, 1, 100}, {hundred[:1], .5, 1}, {hundred[:3], .5, 2}} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile(%d values, %v) = %d, want %d", len(c.sorted), c.q, got, c.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Shop-Version", "v2") }))
	defer good.Close()
	bad := httptest.NewServer(http.NotFoundHandler())
	defer bad.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"good", []string{"-rate", "50", "-duration", "100ms", good.URL}, 0, ""},
		{"bad", []string{"-rate", "50", "-duration", "100ms", bad.URL}, 1, "5 of 5"},
		{"no URL", nil, 2, "URL"},
		{"no scheme", []string{"gateway"}, 2, "gateway"},
		{"rate", []string{"-rate", "NaN", good.URL}, 2, "-rate"},
		{"duration", []string{"-duration", "1h", good.URL}, 2, "-duration"},
		{"format", []string{"-o", "xml", good.URL}, 2, "xml"},
		{"flag", []string{"-nope", good.URL}, 2, "nope"},
	} {
		var out, log bytes.Buffer
		err := Main(t.Context(), append([]string{"-o", "json"}, c.args...), &out, &log)
		code, says := 0, ""
		var exit *fault.Exit
		if errors.As(err, &exit) {
			code, says = exit.Code, exit.Message
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if code != c.code || !strings.Contains(says, c.says) {
			t.Errorf("%s: exit %d %q; want %d with %q", c.name, code, says, c.code, c.says)
		}
		if c.code < 2 {
			var sum Summary
			if err := json.Unmarshal(out.Bytes(), &sum); err != nil || sum.Requests != 5 || !strings.Contains(log.String(), fmt.Sprintf("ok %d", sum.OK)) {
				t.Errorf("%s: %v, %+v, log %q", c.name, err, sum, log.String())
			}
		}
	}
}

func TestInterruptGivesTheSummarySoFar(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	sum := Config{URL: srv.URL, Method: "GET", Rate: 50, Duration: time.Minute, Timeout: time.Second, KeepAlive: true, MaxInFlight: 10}.Run(ctx, nil)
	if !sum.Interrupted || sum.OK == 0 || sum.Failed != 0 {
		t.Errorf("interrupted %v, ok %d, %v", sum.Interrupted, sum.OK, sum.Failure)
	}
}
