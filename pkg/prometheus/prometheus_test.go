package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What a Prometheus answers to these two, written by hand after its HTTP API (prometheus.io/docs/prometheus/latest/querying/api).
const (
	vectorAnswer = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"web-1"},"value":[1767322800.781,"0.25"]},{"metric":{"pod":"web-2"},"value":[1767322800.781,"NaN"]}]}}`
	matrixAnswer = `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"web-1"},"values":[[1767322200,"0.5"],[1767322500,"1"]]}]}}`
	parseAnswer  = `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unexpected end of input"}`
)

var takenAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func serve(t *testing.T, h http.HandlerFunc) *Server {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	s, err := At(web.URL + "/prefix/")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func always(needs ...snapshot.SeriesNeed) func(*snapshot.Snapshot) []snapshot.SeriesNeed {
	return func(*snapshot.Snapshot) []snapshot.SeriesNeed { return needs }
}

func TestFill(t *testing.T) {
	var asked []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Del("timeout")
		asked = append(asked, r.Method+" "+r.URL.Path+" "+q.Encode())
		if strings.HasSuffix(r.URL.Path, "query_range") {
			fmt.Fprint(w, matrixAnswer)
			return
		}
		fmt.Fprint(w, vectorAnswer)
	})
	now, over := snapshot.SeriesNeed{Query: "a"}, snapshot.SeriesNeed{Query: "b", Window: 3600, Step: 300}
	snap := snapshot.New(snapshot.FromCluster, takenAt)
	if err := s.Fill(t.Context(), snap, always(now, over)); err != nil {
		t.Fatal(err)
	}
	got, _ := snap.Series(now)
	if diff := cmp.Diff([]snapshot.Series{
		{Labels: map[string]string{"pod": "web-1"}, Points: []snapshot.Point{{At: 1767322800, Value: 0.25}}},
		{Labels: map[string]string{"pod": "web-2"}, Points: []snapshot.Point{}},
	}, got); diff != "" {
		t.Error(diff)
	}
	got, _ = snap.Series(over)
	if diff := cmp.Diff([]snapshot.Series{{Labels: map[string]string{"pod": "web-1"}, Points: []snapshot.Point{{At: 1767322200, Value: 0.5}, {At: 1767322500, Value: 1}}}}, got); diff != "" {
		t.Error(diff)
	}
	// Reading never writes, so nothing but GET is sent; the range ends on a step.
	want := []string{
		"GET /prefix/api/v1/query query=a&time=1767323045",
		"GET /prefix/api/v1/query_range end=1767322800&query=b&start=1767319200&step=300",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	if s.Requests() != 2 || s.Proxied() {
		t.Errorf("%d requests, proxied %t", s.Requests(), s.Proxied())
	}
}

// Each way in which it can go wrong is one reason, in bounded time, and a server
// that answers nothing is asked once.
func TestTroubleIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
		asked   int64
	}{
		"hangs":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timed out", 1},
		"forbidden":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "forbidden: /prefix/api/v1/query", 1},
		"no credentials": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "unauthorized", 1},
		"a web page":     {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") }, "not prometheus: ", 1},
		"another API":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"kind":"Status"}`) }, "not prometheus: ", 1},
		"no such path":   {http.NotFound, "not prometheus: client error: 404 404 page not found", 1},
		"a broken proxy": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, "unreachable: server error: 502", 1},
		"not ready yet":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); fmt.Fprint(w, "Service Unavailable") }, "unreachable: server error: 503 Service Unavailable", 1},
		"drops the line": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unreachable: EOF", 1},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprint(w, vectorAnswer)
		}, "unreachable: read the answer: unexpected EOF", 1},
		"a huge answer": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 4<<10)) }, "too big: over 0 MiB", 2},
		"a wrong query": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); fmt.Fprint(w, parseAnswer) }, `query failed: invalid parameter "query": 1:5: parse error: unexpected end of input`, 2},
		"a terminal bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			fmt.Fprint(w, "\x1b[2J"+strings.Repeat("x", 999))
		}, "not prometheus: client error: 404 \uFFFD[2Jxxx", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			s := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); c.handler(w, r) })
			s.patience = time.Second
			small(s, 1<<10)
			snap := snapshot.New(snapshot.FromCluster, takenAt)
			first, second := snapshot.SeriesNeed{Query: "a"}, snapshot.SeriesNeed{Query: "b"}
			if err := s.Fill(t.Context(), snap, always(first, second)); err != nil {
				t.Fatal(err)
			}
			for _, n := range []snapshot.SeriesNeed{first, second} {
				_, a := snap.Series(n)
				if a.State != snapshot.Unknown || !strings.HasPrefix(a.Why, c.want) || len(a.Why) > 300 {
					t.Errorf("%s: %q, want %q", n.Query, a.Why, c.want)
				}
			}
			if asked.Load() != c.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), c.asked)
			}
		})
	}
}

// small bounds the answers that a server may give.
func small(s *Server, most int64) {
	base, err := url.Parse(s.Name)
	if err != nil {
		panic(err)
	}
	s.api = v1.NewAPI(&reader{base: base, http: http.DefaultClient, requests: s.requests, most: most})
}

func TestInterruptedIsTheCallersCause(t *testing.T) {
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stop) })
	if err := s.Fill(ctx, snapshot.New(snapshot.FromCluster, takenAt), always(snapshot.SeriesNeed{Query: "a"})); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "prometheus:9090", "ftp://x", "http://", "http://[", "/api"} {
		if _, err := At(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	s, err := At("https://reader:secret@prom.example/base?x=1")
	if err != nil || s.Name != "https://prom.example/base" {
		t.Errorf("%+v, %v", s, err)
	}
}

// cluster is an API server with Services, of which one leads to a Prometheus.
func cluster(t *testing.T, services map[string]string, proxied http.HandlerFunc) *rest.Config {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/services" {
			q := r.URL.Query()
			answer, ok := services[q.Get("labelSelector")+q.Get("fieldSelector")]
			switch {
			case answer == "403":
				w.WriteHeader(403)
			case ok:
				fmt.Fprint(w, answer)
			default:
				fmt.Fprint(w, `{"kind":"ServiceList","items":[]}`)
			}
			return
		}
		proxied(w, r)
	}))
	t.Cleanup(web.Close)
	return &rest.Config{Host: web.URL}
}

func TestFind(t *testing.T) {
	const labelled = "app.kubernetes.io/name in (prometheus,thanos-query)"
	one := `{"items":[{"metadata":{"name":"headless","namespace":"a"},"spec":{}},{"metadata":{"name":"prom","namespace":"monitoring"},"spec":{"ports":[{"name":"reloader","port":8080},{"name":"web","port":9091}]}}]}`
	works := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/monitoring/services/prom:9091/proxy/api/v1/query" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, vectorAnswer)
	}
	for name, c := range map[string]struct {
		services map[string]string
		proxied  http.HandlerFunc
		found    string
		why      string
	}{
		"by its label":       {map[string]string{labelled: one}, works, "service monitoring/prom", ""},
		"by its name":        {map[string]string{"metadata.name=prometheus-server": one}, works, "service monitoring/prom", ""},
		"no Service":         {nil, works, "", "no Service has the labels or the name of a Prometheus"},
		"may not list":       {map[string]string{labelled: "403"}, works, "", "forbidden: list services in all namespaces"},
		"may not go through": {map[string]string{labelled: one}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "", "service monitoring/prom: forbidden: get services/proxy for service monitoring/prom"},
		"nobody behind it": {map[string]string{labelled: one}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			fmt.Fprint(w, `{"kind":"Status","message":"no endpoints available for service \"prom\""}`)
		}, "", `service monitoring/prom: unreachable: server error: 503 no endpoints available for service "prom"`},
		"something else there": {map[string]string{labelled: one}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, "", "service monitoring/prom: not prometheus: "},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Find(t.Context(), cluster(t, c.services, c.proxied))
			if c.found != "" {
				if err != nil || s.Name != c.found || !s.Proxied() {
					t.Fatalf("%+v, %v", s, err)
				}
				return
			}
			var nothing *NotFoundError
			if !errors.As(err, &nothing) || !strings.HasPrefix(err.Error(), c.why) {
				t.Errorf("%v, want %s", err, c.why)
			}
		})
	}
}
