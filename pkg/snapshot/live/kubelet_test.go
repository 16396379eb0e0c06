package live_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What a kubelet v1.36 says, cut down to a few buckets.
const kubeletSays = `# HELP prober_probe_duration_seconds [ALPHA] Duration in seconds for a probe response.
# TYPE prober_probe_duration_seconds histogram
prober_probe_duration_seconds_bucket{container="app",namespace="shop",pod="web-1",probe_type="Readiness",le="0.1"} 3
prober_probe_duration_seconds_bucket{container="app",namespace="shop",pod="web-1",probe_type="Readiness",le="1"} 4
prober_probe_duration_seconds_bucket{container="app",namespace="shop",pod="web-1",probe_type="Readiness",le="0.5"} 4
prober_probe_duration_seconds_bucket{container="app",namespace="shop",pod="web-1",probe_type="Readiness",le="+Inf"} 5
prober_probe_duration_seconds_sum{container="app",namespace="shop",pod="web-1",probe_type="Readiness"} 3.5
prober_probe_duration_seconds_count{container="app",namespace="shop",pod="web-1",probe_type="Readiness"} 5
# TYPE prober_probe_total counter
prober_probe_total{container="app",namespace="shop",pod="web-1",pod_uid="u1",probe_type="Readiness",result="successful"} 5
prober_probe_total{container="app",namespace="shop",pod="web-1",pod_uid="u1",probe_type="Readiness",result="failed"} 2
prober_probe_total{container="app",namespace="shop",pod="web-1",pod_uid="u1",probe_type="Liveness",result="failed"} 1e+06
prober_probe_total{container="app",namespace="bank",pod="till-1",pod_uid="u2",probe_type="Startup",result="successful"} 1
`

func TestReadNodeProbes(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, kubeletSays) })
	s, err := fill(t, a.reader(t), snapshot.ProbesOf("node-1", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	got, answer := snapshot.Get[*snapshot.NodeProbes](s, "", "node-1")
	if answer.State != snapshot.Present {
		t.Fatal(answer)
	}
	want := []snapshot.ProbeCount{
		{Namespace: "shop", Pod: "web-1", UID: "u1", Container: "app", Probe: "readiness", Successes: 5, Failures: 2,
			Within: []snapshot.ProbeBucket{{Seconds: 0.1, Count: 3}, {Seconds: 0.5, Count: 4}, {Seconds: 1, Count: 4}}},
		{Namespace: "shop", Pod: "web-1", UID: "u1", Container: "app", Probe: "liveness", Failures: 1e6},
	}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Error(diff)
	}
	if a.count() != 1 || !strings.HasPrefix(a.seen[0], "/api/v1/nodes/node-1/proxy/metrics/probes") {
		t.Errorf("asked %v", a.seen)
	}
	s, err = fill(t, a.reader(t), snapshot.ProbesOf("node-1", ""))
	if all, _ := snapshot.Get[*snapshot.NodeProbes](s, "", "node-1"); err != nil || len(all.Counts) != 3 {
		t.Errorf("of all namespaces: %+v, %v", all, err)
	}
}

// A kubelet that has counted nothing yet says nothing.
func TestReadNodeProbesEmpty(t *testing.T) {
	a := newAPI(t, func(http.ResponseWriter, *http.Request) {})
	s, err := fill(t, a.reader(t), snapshot.ProbesOf("node-1", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if got, answer := snapshot.Get[*snapshot.NodeProbes](s, "", "node-1"); answer.State != snapshot.Present || len(got.Counts) != 0 {
		t.Errorf("%+v, %+v", got, answer)
	}
}

// Who may not, a node that is away, and an answer that is something else are not known, with the reason.
func TestReadNodeProbesUnknown(t *testing.T) {
	for want, handle := range map[string]http.HandlerFunc{
		`forbidden: get nodes/proxy "node-1"`: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"nodes is forbidden"}`)
		},
		"the API server answered 503": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "error trying to reach service: dial tcp 10.0.0.1:10250: connect: connection refused", http.StatusServiceUnavailable)
		},
		"not the kubelet's metrics": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
	} {
		// A first read that works: this is not about a cluster that does not answer at all.
		a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/proxy/") {
				handle(w, r)
				return
			}
			answer(w, map[string]any{"kind": "PodList", "apiVersion": "v1", "items": []any{}})
		})
		s, err := fill(t, a.reader(t), snapshot.Need{Kind: "Pod", Namespace: "shop"}, snapshot.ProbesOf("node-1", "shop"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Asked(snapshot.ProbesOf("node-1", "shop")); got.State != snapshot.Unknown || !strings.Contains(got.Why, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}
