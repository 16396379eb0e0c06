package upstream

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/prometheus"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/upstream/oracle"
)

// scrapedAt is the last scrape, and when everything is asked.
var scrapedAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// gauge is a series that was scraped every minute up to scrapedAt.
func gauge(name, pod string, values ...any) map[string]any {
	var points [][2]any
	for i, v := range values {
		points = append(points, [2]any{scrapedAt.Add(-time.Duration(len(values)-1-i) * time.Minute).Unix(), v})
	}
	return map[string]any{"labels": map[string]string{"__name__": name, "pod": pod}, "points": points}
}

// prometheusOf starts a Prometheus that has scraped these, and more of what it is to be.
func prometheusOf(t *testing.T, binary string, more map[string]any) string {
	t.Helper()
	is := map[string]any{"series": []any{
		gauge("load", "steady", 1, 2, 3),
		gauge("load", "gone", 4, 5, "stale"),
		gauge("load", "odd", 6, "NaN", "+Inf"),
		gauge("sizes", "whole", "{{schema:0 sum:5 count:4 buckets:[1 2 1]}}", "{{schema:0 sum:5 count:5 buckets:[2 2 1]}}"),
		gauge("mixed", "number", 1, 2),
		gauge("mixed", "whole", "{{schema:0 sum:5 count:4 buckets:[1 2 1]}}", "{{schema:0 sum:5 count:5 buckets:[2 2 1]}}"),
	}}
	for k, v := range more {
		is[k] = v
	}
	return oracle.Prometheus(t, binary, is)
}

// askPrometheus puts one question to it; what is answered, or why there is no answer.
func askPrometheus(t *testing.T, s *prometheus.Server, n snapshot.SeriesNeed) snapshot.SeriesReading {
	t.Helper()
	into := snapshot.New(snapshot.FromCluster, scrapedAt)
	if err := s.Fill(t.Context(), into, func(*snapshot.Snapshot) []snapshot.SeriesNeed { return []snapshot.SeriesNeed{n} }); err != nil {
		t.Fatal(err)
	}
	return into.AllSeries()[0]
}

func at(t *testing.T, address string) *prometheus.Server {
	t.Helper()
	s, err := prometheus.At(address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The client is held against a real Prometheus.
func TestPrometheus(t *testing.T) {
	binary := oracle.Build(t, "promql")
	t.Run("answers", func(t *testing.T) { prometheusAnswers(t, binary) })
	t.Run("is bounded", func(t *testing.T) { prometheusIsBounded(t, binary) })
	t.Run("behind a Service", func(t *testing.T) { prometheusBehindAService(t, binary) })
}

// What is answered is read as what it means: its numbers, its refusals in its own
// words, and nothing that was not said.
func prometheusAnswers(t *testing.T, binary string) {
	s := at(t, prometheusOf(t, binary, nil))
	over := func(query string, window, step int64) snapshot.SeriesNeed {
		return snapshot.SeriesNeed{Query: query, Window: window, Step: step}
	}
	now := func(query string) snapshot.SeriesNeed { return snapshot.SeriesNeed{Query: query} }
	for name, c := range map[string]struct {
		asked snapshot.SeriesNeed
		want  []string // "pod: value value", in minutes from the first that is asked for; none is "-"
		why   string   // how the reason begins
		warns string   // a part of the warning
	}{
		"now":                             {asked: now(`load{pod="steady"}`), want: []string{"steady: 3"}},
		"what has ended, and no number":   {asked: now("load"), want: []string{"odd:", "steady: 3"}},
		"nothing of that name":            {asked: now("nothing")},
		"over time":                       {asked: over("load", 180, 60), want: []string{"gone: - 4 5 -", "odd: - 6 - -", "steady: - 1 2 3"}},
		"over a time that ends on a step": {asked: over(`load{pod="steady"}`, 600, 120), want: []string{"steady: - - - - 1 3"}},
		"counted where something ended":   {asked: now("count(count by (pod) (present_over_time(load[5m])))"), want: []string{": 3"}},
		"a rate of one scrape":            {asked: over(`rate(load{pod="steady"}[30s])`, 120, 60)},
		"no PromQL":                       {asked: now("sum("), why: `query failed: invalid parameter "query": 1:5: parse error: unclosed left parenthesis`},
		"what cannot be joined":           {asked: now(`load + on() load`), why: "query failed: found duplicate series for the match group {}"},
		"too many points":                 {asked: over("load", 90*24*3600, 60), why: "query failed: exceeded maximum resolution of 11,000 points per timeseries"},
		"no vector":                       {asked: now("1"), why: "not prometheus: the answer is neither a vector nor a matrix"},
		"a native histogram":              {asked: now("sizes"), why: "query failed: the answer is made of histograms"},
		"a native histogram over time":    {asked: over("sizes", 120, 60), why: "query failed: the answer is made of histograms"},
		"of a native histogram":           {asked: now("histogram_count(sizes)"), want: []string{"whole: 5"}},
		"with a warning":                  {asked: now("sum(mixed)"), warns: "mix of histograms and floats"},
		"with a remark":                   {asked: now(`rate(load{pod="steady"}[5m]) * 0`), want: []string{"steady: 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := askPrometheus(t, s, c.asked)
			var lines []string
			for _, one := range got.Series {
				lines = append(lines, one.Labels["pod"]+":"+shown(one, c.asked))
			}
			slices.Sort(lines)
			if diff := cmp.Diff(c.want, lines); diff != "" {
				t.Error(diff)
			}
			if c.why == "" && got.Why != "" || !strings.HasPrefix(got.Why, c.why) {
				t.Errorf("no answer because %q, want %q", got.Why, c.why)
			}
			if c.warns == "" && got.Warning != "" || !strings.Contains(got.Warning, c.warns) {
				t.Errorf("it warns %q, want %q", got.Warning, c.warns)
			}
		})
	}
}

// What bounds the queries of a Prometheus is told apart: too much to load is of
// one query, out of time is of the server.
func prometheusIsBounded(t *testing.T, binary string) {
	for name, c := range map[string]struct {
		is   map[string]any
		why  string
		sent int // of two questions
	}{
		"too many samples": {map[string]any{"maxSamples": 1}, "query failed: query processing would load too many samples", 2},
		"out of time":      {map[string]any{"timeout": "1ns"}, "timed out: query timed out in", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := at(t, prometheusOf(t, binary, c.is))
			into := snapshot.New(snapshot.FromCluster, scrapedAt)
			asked := []snapshot.SeriesNeed{{Query: "load"}, {Query: "load", Window: 600, Step: 60}}
			if err := s.Fill(t.Context(), into, func(*snapshot.Snapshot) []snapshot.SeriesNeed { return asked }); err != nil {
				t.Fatal(err)
			}
			for _, r := range into.AllSeries() {
				if !strings.HasPrefix(r.Why, c.why) {
					t.Errorf("%+v: no answer because %q, want %q", r.Need, r.Why, c.why)
				}
			}
			if s.Requests() != c.sent {
				t.Errorf("%d requests, want %d", s.Requests(), c.sent)
			}
		})
	}
}

// A Prometheus is found, and asked, through an API server that is given less time
// than a query, and no whole number of seconds.
func prometheusBehindAService(t *testing.T, binary string) {
	real, err := url.Parse(prometheusOf(t, binary, nil))
	if err != nil {
		t.Fatal(err)
	}
	const behind = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"
	mux := http.NewServeMux()
	mux.Handle(behind+"/", http.StripPrefix(behind, httputil.NewSingleHostReverseProxy(real)))
	mux.HandleFunc("/api/v1/services", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[{"metadata":{"name":"prometheus","namespace":"monitoring"},"spec":{"ports":[{"name":"web","port":9090}]}}]}`)
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	s, err := prometheus.Find(t.Context(), &rest.Config{Host: web.URL, Timeout: 9500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	got := askPrometheus(t, s, snapshot.SeriesNeed{Query: `load{pod="steady"}`})
	if got.Why != "" || len(got.Series) != 1 || s.Name != "service monitoring/prometheus" {
		t.Errorf("%s: %+v", s.Name, got)
	}
}

// shown writes the values, those over time at the minutes that were asked for.
func shown(s snapshot.Series, asked snapshot.SeriesNeed) string {
	var out strings.Builder
	if asked.Window == 0 {
		for _, p := range s.Points {
			fmt.Fprintf(&out, " %g", p.Value)
		}
		return out.String()
	}
	values := map[int64]float64{}
	for _, p := range s.Points {
		values[p.At] = p.Value
	}
	for at := scrapedAt.Unix() - asked.Window; at <= scrapedAt.Unix(); at += asked.Step {
		if v, ok := values[at]; ok {
			fmt.Fprintf(&out, " %g", v)
		} else {
			out.WriteString(" -")
		}
	}
	return out.String()
}
