package live_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// resource is one resource as aggregated discovery has it.
func resource(plural, kind, scope, short string) string {
	return fmt.Sprintf(`{"resource":%q,"responseKind":{"group":"","version":"","kind":%q},"scope":%q,"singularResource":%q,"shortNames":[%q],"verbs":["get","list"]}`,
		plural, kind, scope, strings.ToLower(kind), short)
}

func group(name, version, freshness, resources string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q},"versions":[{"version":%q,"freshness":%q,"resources":[%s]}]}`, name, version, freshness, resources)
}

var discovered = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[` + strings.Join([]string{
	group("gateway.networking.k8s.io", "v1beta1", "Current", resource("httproutes", "HTTPRoute", "Namespaced", "hr")),
	group("example.com", "v1", "Current", resource("widgets", "Widget", "Namespaced", "wd")+","+resource("worlds", "World", "Cluster", "wo")),
	group("custom.metrics.k8s.io", "v1beta1", "Stale", ""),
}, ",") + "]}"

const widget = `{"apiVersion":"example.com/v1","kind":"Widget",
"metadata":{"name":"w","namespace":"shop","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2"},"managedFields":[{"manager":"kubectl","operation":"Apply"}]},
"spec":{"password":"hunter2","replicas":2},"data":"hunter2",
"status":{"token":"hunter2","conditions":[{"type":"Ready","status":"False","reason":"Broken","message":"\u001b[31mred","secret":"hunter2"}]}}`

// addOns is an API server with a few kinds of add-ons.
func addOns(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/apis":
		fmt.Fprint(w, discovered)
	case "/apis/example.com/v1/namespaces/shop/widgets/w":
		fmt.Fprint(w, widget)
	case "/apis/example.com/v1/namespaces/shop/widgets":
		next := "more"
		if r.URL.Query().Get("continue") != "" {
			next = ""
		}
		fmt.Fprintf(w, `{"kind":"WidgetList","metadata":{"continue":%q},"items":[%s]}`, next, strings.ReplaceAll(widget, `"w"`, fmt.Sprintf(`"w%s"`, next)))
	case "/apis/gateway.networking.k8s.io/v1beta1/namespaces/shop/httproutes/gone":
		refuse(w, 404, metav1.StatusReasonNotFound, "gone")
	case "/api/v1/namespaces/shop/secrets":
		if !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		fmt.Fprint(w, `{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"sh.helm.release.v1.shop.v1","namespace":"shop","labels":{"owner":"helm"}}}]}`)
	default:
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

func TestCustomKindsArePresentAbsentNotServedOrUnknown(t *testing.T) {
	cases := []struct {
		need snapshot.Need
		want snapshot.Reading
	}{
		{snapshot.Need{Kind: "Widget.example.com", Namespace: "shop", Name: "w"}, snapshot.Reading{}},
		{snapshot.Need{Kind: "HTTPRoute", Namespace: "shop", Name: "gone"}, snapshot.Reading{NotFound: true}},
		{snapshot.Need{Kind: "VirtualService", Namespace: "shop"}, snapshot.Reading{Why: "not served by this cluster", NotServed: true}},
		{snapshot.Need{Kind: "Gadget.example.com", Namespace: "shop", Name: "g"}, snapshot.Reading{Why: "not served by this cluster", NotServed: true}},
		{snapshot.Need{Kind: "Metric.custom.metrics.k8s.io", Namespace: "shop"}, snapshot.Reading{Why: "the server behind custom.metrics.k8s.io/v1beta1 does not answer"}},
	}
	var needs []snapshot.Need
	var want []snapshot.Reading
	for _, c := range cases {
		c.want.Need = c.need
		needs, want = append(needs, c.need), append(want, c.want)
	}
	a := newAPI(t, addOns)
	r := a.reader(t)
	s, err := fill(t, r, needs...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.Readings()); diff != "" {
		t.Error(diff)
	}
	listed, err := fill(t, r, snapshot.Need{Kind: "Widget.example.com", Namespace: "shop"})
	if err != nil || len(listed.InOrder()) != 2 {
		t.Errorf("%v, %d widgets, want those of both pages", err, len(listed.InOrder()))
	}
	if got := a.count(); got != 5 {
		t.Errorf("%d requests: one for discovery, one object each, and two pages", got)
	}
	if _, answer := s.Find("VirtualService", "shop", "v"); answer.State != snapshot.Unknown || !answer.NotServed {
		t.Errorf("a kind that is not served: %+v", answer)
	}
	if info, ok := s.Info("Widget.example.com"); !ok || !info.Namespaced || info.Resource.Resource != "widgets" {
		t.Errorf("the snapshot does not know what it holds: %+v", info)
	}
}

func TestOfACustomObjectOnlyWhatIsKnownIsKept(t *testing.T) {
	s, err := fill(t, newAPI(t, addOns).reader(t), snapshot.Need{Kind: "Widget.example.com", Namespace: "shop", Name: "w"})
	if err != nil {
		t.Fatal(err)
	}
	u, answer := snapshot.FindCustom(s, "Widget.example.com", "shop", "w")
	if answer.State != snapshot.Present {
		t.Fatal(answer)
	}
	want := map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "w", "namespace": "shop", "annotations": map[string]any{}, "managedFields": []any{map[string]any{"manager": "kubectl", "operation": "Apply"}}},
		"spec":     map[string]any{"replicas": int64(2)},
		"status":   map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "Broken", "message": "\uFFFD[31mred"}}},
	}
	if diff := cmp.Diff(want, u.Object); diff != "" {
		t.Error(diff)
	}
}

func TestResolveFindsWhatTheClusterServes(t *testing.T) {
	a := newAPI(t, addOns)
	r := a.reader(t)
	for typed, want := range map[string]snapshot.Kind{
		"widget": "Widget.example.com", "widgets": "Widget.example.com", "WD": "Widget.example.com", "widgets.example.com": "Widget.example.com",
		"widget.v1.example.com": "Widget.example.com", "world": "World.example.com", "httproutes": "HTTPRoute", "widget.other.com": "", "nothing": "",
	} {
		info, ok, err := r.Resolve(t.Context(), typed)
		if err != nil || info.Kind != want || ok != (want != "") {
			t.Errorf("%s: %q %v %v", typed, info.Kind, ok, err)
		}
	}
	if a.count() != 1 {
		t.Errorf("%d requests", a.count())
	}
}

func TestHelmReleasesAreReadWithoutTheirContents(t *testing.T) {
	s, err := fill(t, newAPI(t, addOns).reader(t), snapshot.Need{Kind: "HelmStorage", Namespace: "shop", Selector: "owner=helm"})
	if err != nil {
		t.Fatal(err)
	}
	all, answer := snapshot.List[*snapshot.HelmStorage](s, "shop", nil)
	if len(all) != 1 || all[0].Labels["owner"] != "helm" {
		t.Errorf("%v %+v", all, answer)
	}
}

// An older server answers /apis with its groups alone: what it serves of a group that is there is not known.
func TestOldServerLeavesCustomKindsUnknown(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList"}, Groups: []metav1.APIGroup{{Name: "gateway.networking.k8s.io"}}})
	})
	s, err := fill(t, a.reader(t), snapshot.Need{Kind: "HTTPRoute", Namespace: "shop"}, snapshot.Need{Kind: "VirtualService", Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Asked(snapshot.Need{Kind: "HTTPRoute", Namespace: "shop"}); got.NotServed || !strings.Contains(got.Why, "before 1.27") {
		t.Errorf("of a group that is there: %+v", got)
	}
	if got := s.Asked(snapshot.Need{Kind: "VirtualService", Namespace: "shop"}); !got.NotServed {
		t.Errorf("of a group that is not: %+v", got)
	}
}

// What the cluster serves is asked once, for kinds of add-ons and for the list of groups.
func TestGroupsComeWithDiscovery(t *testing.T) {
	a := newAPI(t, addOns)
	r := a.reader(t)
	if _, _, err := r.Resolve(t.Context(), "widget"); err != nil {
		t.Fatal(err)
	}
	groups, err := r.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"gateway.networking.k8s.io": "v1beta1", "example.com": "v1", "custom.metrics.k8s.io": "v1beta1"}
	if diff := cmp.Diff(want, groups); diff != "" || a.count() != 1 {
		t.Errorf("%d requests\n%s", a.count(), diff)
	}
}
