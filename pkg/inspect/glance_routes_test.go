package inspect

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// A namespace at a glance has its Gateways and routes, and says what is wrong with them.
func TestGlanceSeesRoutes(t *testing.T) {
	r, requests := glanceAtEntrance(t, snapshot.Reading{})
	for _, want := range []string{"gateway/edge", "httproute/web", "httproute/broken"} {
		if !slices.ContainsFunc(r.Objects, func(o Object) bool { return o.Object.String() == want }) {
			t.Errorf("does not show %s", want)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
		return f.Rule == "route/backend-missing" && f.Object.String() == "httproute/broken"
	}) {
		t.Errorf("does not say that httproute/broken leads nowhere: %v", r.Findings)
	}
	if requests > manyRequests || len(r.NotChecked) > 0 {
		t.Errorf("%d requests, not checked: %v", requests, r.NotChecked)
	}
}

// Where the cluster serves no routes, nothing more is asked, and nothing is said.
func TestGlanceWithoutGatewayAPI(t *testing.T) {
	r, _ := glanceAtEntrance(t, snapshot.Reading{Why: "not served by this cluster", NotServed: true})
	for _, o := range r.Objects {
		if kind := o.Object.Kind; kind == "Gateway" || strings.HasSuffix(kind, "Route") {
			t.Errorf("shows %s", o.Object)
		}
	}
	if len(r.NotChecked) > 0 {
		t.Errorf("not checked: %v", r.NotChecked)
	}
}

// Who may not list them is told so of each kind, once.
func TestGlanceWithoutLeaveForRoutes(t *testing.T) {
	r, _ := glanceAtEntrance(t, snapshot.Reading{Why: "forbidden: list"})
	for _, resource := range []string{"gateways.", "httproutes.", "grpcroutes."} {
		told := 0
		for _, n := range r.NotChecked {
			if strings.Contains(n.What, resource) && strings.HasPrefix(n.Why, "forbidden") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%s told %d times: %v", resource, told, r.NotChecked)
		}
	}
}

// glanceAtEntrance looks at a namespace in a cluster that answers like this for
// what is of the Gateway API.
func glanceAtEntrance(t *testing.T, answer snapshot.Reading) (Report, int) {
	t.Helper()
	q := Query{Namespace: "shop"}
	s, requests := play(t, entranceObjects(t), func(s *snapshot.Snapshot) snapshot.Needs {
		for answer.Why != "" {
			wanted := slices.DeleteFunc(Plan(s, q).Objects, func(n snapshot.Need) bool { return !addOn(n.Kind) })
			if len(wanted) == 0 {
				break
			}
			for _, n := range wanted {
				s.Record(snapshot.Reading{Need: n, Why: answer.Why, NotServed: answer.NotServed})
			}
		}
		return Plan(s, q)
	})
	if answer.NotServed && s.Missing(snapshot.Needs{Objects: []snapshot.Need{q.list(s, "GRPCRoute")}}).Empty() {
		t.Error("asks for GRPCRoutes where HTTPRoutes are not served")
	}
	r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	return r, requests
}

// A look at all namespaces lists a kind once, however few namespaces it is wanted of.
func TestGlanceOfAllNamespacesListsOnce(t *testing.T) {
	q := Query{}
	s, _ := play(t, entranceObjects(t), func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
	var slicesRead []snapshot.Need
	for _, r := range s.Readings() {
		if r.Need.Kind == "EndpointSlice" {
			slicesRead = append(slicesRead, r.Need)
		}
	}
	if !slices.Equal(slicesRead, []snapshot.Need{{Kind: "EndpointSlice"}}) {
		t.Errorf("reads %v", slicesRead)
	}
}

// Who asks about a kind that the cluster does not know is told so; who does not, is not.
func TestAskedAboutWhatIsNotServed(t *testing.T) {
	named := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "HTTPRoute", Namespace: "shop", Name: "web"}}}
	for _, q := range []Query{named, {Namespace: "shop", Kinds: []snapshot.Kind{"HTTPRoute", "Service"}}} {
		s, _ := play(t, entranceObjects(t), func(s *snapshot.Snapshot) snapshot.Needs {
			for _, n := range Plan(s, q).Objects {
				if addOn(n.Kind) {
					s.Record(snapshot.Reading{Need: n, Why: "not served by this cluster", NotServed: true})
				}
			}
			return Plan(s, q)
		})
		options := Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)}
		r, err := Inspect(s, q, options)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := Tree(s, q, TreeOptions{Options: options})
		if err != nil {
			t.Fatal(err)
		}
		for _, all := range [][]finding.NotChecked{r.NotChecked, tree.NotChecked} {
			if len(all) == 0 || !strings.Contains(all[0].What, "httproutes.") || all[0].Why != "not served by this cluster" {
				t.Errorf("%v: not checked: %v", q, all)
			}
		}
	}
}
