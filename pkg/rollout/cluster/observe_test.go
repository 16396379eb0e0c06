package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
)

// daemons answers what a look at a DaemonSet with a Service and node groups asks for.
func daemons(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	list := func(version, kind, items string) string {
		return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{},"items":[%s]}`, version, kind+"List", items)
	}
	answers := map[string]string{
		"/apis/apps/v1/namespaces/shop/daemonsets/agent": `{"metadata":{"name":"agent","namespace":"shop","uid":"d","generation":1},
			"spec":{"selector":{"matchLabels":{"app":"agent"}},"template":{"metadata":{"labels":{"app":"agent"}},"spec":{"containers":[]}}},
			"status":{"observedGeneration":1,"desiredNumberScheduled":1}}`,
		"/api/v1/namespaces/shop/services/agent": `{"metadata":{"uid":"s"},"spec":{"selector":{"app":"agent"}}}`,
		"/api/v1/nodes":                          list("meta.k8s.io/v1", "PartialObjectMetadata", `{"metadata":{"name":"n1","labels":{"zone":"a"}}}`),
		"/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices": list("discovery.k8s.io/v1", "EndpointSlice", `{"metadata":{"labels":{"kubernetes.io/service-name":"agent"}},
			"addressType":"IPv4","ports":[],"endpoints":[{"addresses":["10.0.0.1"],"targetRef":{"kind":"Pod","uid":"p"}}]}`),
		"/apis/policy/v1/namespaces/shop/poddisruptionbudgets": list("policy/v1", "PodDisruptionBudget", ``),
		"/api/v1/namespaces/shop/pods": list("v1", "Pod", `{"metadata":{"name":"agent-x","uid":"p","labels":{"controller-revision-hash":"h1"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"agent","uid":"d","controller":true}]},"spec":{"nodeName":"n1","containers":[]},
			"status":{"conditions":[{"type":"Ready","status":"True"}]}},
			{"metadata":{"name":"evicted","uid":"e","labels":{"controller-revision-hash":"h1"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"agent","uid":"d","controller":true}]},"spec":{"containers":[]},"status":{"phase":"Failed"}}`),
		"/apis/apps/v1/namespaces/shop/controllerrevisions": list("apps/v1", "ControllerRevision", `{"metadata":{"name":"agent-h1","labels":{"controller-revision-hash":"h1"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"agent","uid":"d","controller":true}]},"revision":1,"data":{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"i:1"}]}}}}}`),
	}
	answer, ok := answers[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	fmt.Fprint(w, answer)
}

func lookAt(t *testing.T, handle http.HandlerFunc) (*api, *rollout.World, error) {
	t.Helper()
	a := newAPI(t, handle)
	c, err := cluster.New(&rest.Config{Host: a.URL}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref := rollout.Ref{Kind: "DaemonSet", Namespace: "shop", Name: "agent"}
	w, err := c.Observe(t.Context(), &rollout.State{Spec: rollout.Spec{Workload: ref, Services: []string{"agent"}, GroupBy: "zone"}, OldHash: "h1"})
	return a, w, err
}

func TestALookIsWholeOrAnError(t *testing.T) {
	a, w, err := lookAt(t, daemons)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Workload.Pods) != 1 || w.Workload.Pods[0].Group != "a" || w.Old.Ready != 1 || w.Old.Wanted != 1 || w.Services[0].Ready["h1"] != 1 || w.Old.Images[0] != "i:1" {
		t.Fatalf("seen: %+v, %+v, %+v", w.Workload, w.Old, w.Services)
	}
	asked := a.requests()
	if len(asked) != 7 {
		t.Errorf("%d requests: %q", len(asked), asked)
	}
	for _, request := range asked {
		path, _, _ := strings.Cut(strings.TrimPrefix(request, "GET "), "?")
		for name, trouble := range map[string]http.HandlerFunc{
			"forbidden":  status(403, "forbidden", `{"name":""}`),
			"broken":     status(500, "broken", `{}`),
			"elsewhere":  plain(404, "<html>"),
			"a stranger": plain(200, "welcome"),
		} {
			_, w, err := lookAt(t, func(out http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					trouble(out, r)
					return
				}
				daemons(out, r)
			})
			if w != nil || err == nil || !strings.Contains(err.Error(), "read ") && !strings.Contains(err.Error(), "list ") {
				t.Errorf("%s at %s: %v, %+v", name, path, err, w)
			}
		}
	}
}

func TestWhatIsGoneIsNoError(t *testing.T) {
	_, w, err := lookAt(t, func(out http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/agent") {
			status(404, "not found", `{"name":"agent"}`)(out, r)
			return
		}
		daemons(out, r)
	})
	if err != nil || w.Workload != nil || len(w.Services) > 0 || w.Old.Hash != "h1" || w.Old.Ready != 0 {
		t.Errorf("%+v, %v", w, err)
	}
}

// What changes seldom is asked for seldom, but a budget over the Pods at every look.
func TestBudgetsAreReadWhenTheyMatter(t *testing.T) {
	budget := `{"metadata":{"name":"b"},"spec":{"selector":{"matchLabels":{"app":"agent"}}},"status":{"currentHealthy":1}}`
	for _, tt := range []struct {
		items string
		want  int
	}{{"", 1}, {budget, 3}} {
		a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "poddisruptionbudgets") {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"apiVersion":"policy/v1","kind":"PodDisruptionBudgetList","metadata":{},"items":[%s]}`, tt.items)
				return
			}
			daemons(w, r)
		})
		c := a.client(t)
		var errs []error
		for range 3 {
			_, err := c.Observe(t.Context(), &rollout.State{Spec: rollout.Spec{Workload: rollout.Ref{Kind: "DaemonSet", Namespace: "shop", Name: "agent"}}})
			errs = append(errs, err)
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range a.requests() {
			if strings.Contains(r, "poddisruptionbudgets") {
				n++
			}
		}
		if n != tt.want || slices.ContainsFunc(a.requests(), func(r string) bool { return strings.Contains(r, "nodes") }) {
			t.Errorf("asked for budgets %d times in three looks, want %d: %q", n, tt.want, a.requests())
		}
	}
}
