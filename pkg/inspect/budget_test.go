package inspect

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Any mix of faults: the objects of several fixtures stand in one namespace.
// However much is wrong there, an answer keeps to its budget, says what it left
// out, and claims nothing that it would not claim had it read everything.
// leftFor is what an answer from this snapshot would still like to look at.
func leftFor(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, _ := resolve(s, q)
	scope, further := reach(s, targets)
	return s.Missing(desires(s, q, scope, further))
}

func TestAnyMixOfFaultsStaysWithinItsBudget(t *testing.T) {
	worlds := faultyWorlds(t)
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	cut := 0
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := world{namespaces: 1}
		if seed%5 == 4 {
			w.namespaces = 6
		}
		for range 2 + random.IntN(40) {
			w.take(worlds[random.IntN(len(worlds))], random.IntN(w.namespaces))
		}
		shop := &corev1.Namespace{}
		shop.Name = "shop"
		w.objects = append(w.objects, shop)
		for _, q := range w.queries(random) {
			s, requests := w.play(t, func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
			if most := promised(q); requests > most {
				t.Errorf("seed %d, %v: %d requests, at most %d are promised", seed, q, requests, most)
			}
			r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			all, wanted := w.play(t, func(s *snapshot.Snapshot) snapshot.Needs { return leftFor(s, q) })
			if !leftFor(s, q).Empty() {
				cut++
				if len(r.NotChecked) == 0 {
					t.Errorf("seed %d, %v: of the %d requests wanted %d were made, and the answer does not say so", seed, q, wanted, requests)
				}
			}
			full, err := Inspect(all, q, Options{Lang: lang.English, Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				word := f.Args["unread"] == true // the scheduler's, of its own cluster before it was mixed with others
				if !claimed(full.Findings, f) && !word {
					t.Errorf("seed %d, %v: only where little was read it says %s of %s: %s", seed, q, f.Rule, f.Object, f.Title)
				}
			}
		}
	}
	if cut == 0 {
		t.Error("no mix wants more than its budget: the test tests nothing")
	}
}

// promised is the most that an answer may cost.
func promised(q Query) int {
	if len(q.Targets) == 0 {
		return 20
	}
	switch q.Targets[0].Kind {
	case "Pod":
		return 8
	case "Ingress", "Gateway", "HTTPRoute", "GRPCRoute":
		return 12
	}
	return 10
}

// claimed says whether the findings, or what they explain, have one of this rule.
func claimed(all []finding.Finding, f finding.Finding) bool {
	return slices.ContainsFunc(all, func(x finding.Finding) bool {
		return x.Rule == f.Rule || slices.ContainsFunc(x.Explains, func(e finding.Symptom) bool { return e.Rule == f.Rule })
	})
}

// world is a cluster in memory.
type world struct {
	namespaces int
	objects    []snapshot.Object
	logs       []snapshot.LogReading
}

// faultyWorlds are the clusters of the fixtures about namespaced faults.
func faultyWorlds(t *testing.T) []*snapshot.Snapshot {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var out []*snapshot.Snapshot
	for _, file := range files {
		if f, s := loadFixture(t, file); len(f.Unknown) == 0 {
			out = append(out, s)
		}
	}
	return out
}

// take puts a fixture's objects into a namespace; those that are there already stay.
func (w *world) take(s *snapshot.Snapshot, namespace int) {
	move := func(ns string) string {
		if ns == "shop" && namespace > 0 {
			return fmt.Sprint("shop-", namespace)
		}
		return ns
	}
	for _, o := range s.Objects() {
		c, ok := o.DeepCopyObject().(snapshot.Object)
		if !ok {
			continue
		}
		c.SetNamespace(move(c.GetNamespace()))
		if !slices.ContainsFunc(w.objects, func(x snapshot.Object) bool { return rule.RefTo(x) == rule.RefTo(c) }) {
			w.objects = append(w.objects, c)
		}
	}
	for _, l := range s.Logs() {
		l.Need.Namespace = move(l.Need.Namespace)
		w.logs = append(w.logs, l)
	}
}

// queries are the overview, that of all namespaces where there are several, and some of the objects.
func (w *world) queries(random *rand.Rand) []Query {
	out := []Query{{Namespace: "shop"}, {Namespace: "shop", Kinds: []snapshot.Kind{"Deployment", "Pod"}}}
	if w.namespaces > 1 {
		out = append(out, Query{})
	}
	for range 4 {
		r := rule.RefTo(w.objects[random.IntN(len(w.objects))])
		if _, known := snapshot.Lookup(snapshot.Kind(r.Kind)); known {
			out = append(out, Query{Namespace: "shop", Targets: []finding.Ref{r}})
		}
	}
	return out
}

// play answers a plan as a cluster that has just these objects would, and
// counts the requests: discovery is one of its own.
func (w *world) play(t *testing.T, plan func(*snapshot.Snapshot) snapshot.Needs) (*snapshot.Snapshot, int) {
	t.Helper()
	s, requests := play(t, w.objects, func(s *snapshot.Snapshot) snapshot.Needs {
		for _, l := range w.logs {
			if _, a := s.Log(l.Need); a.State == snapshot.Present {
				l.Lines = slices.Clone(l.Lines)
				s.RecordLog(l)
			}
		}
		return plan(s)
	})
	if slices.ContainsFunc(s.Readings(), func(r snapshot.Reading) bool {
		info, known := snapshot.Lookup(r.Need.Kind)
		return !known || info.Custom
	}) {
		requests++
	}
	return s, requests
}

// The first of an add-on's kind costs a request more, and those of an add-on
// that is known not to be there none: neither keeps others from being read.
func TestWhatAddOnsCost(t *testing.T) {
	routes, grpc, ingresses := snapshot.Need{Kind: "HTTPRoute"}, snapshot.Need{Kind: "GRPCRoute"}, snapshot.Need{Kind: "Ingress"}
	s := snapshot.New(snapshot.FromCluster, ruletest.Noon())
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Service"}})
	got := func(bound int, needs ...snapshot.Need) []snapshot.Need {
		return within(s, snapshot.Needs{Objects: needs}, bound).Objects
	}
	if all := got(2, routes, ingresses); !slices.Equal(all, []snapshot.Need{ingresses}) {
		t.Errorf("of one request %v is asked for", all)
	}
	if all := got(3, routes, ingresses); !slices.Equal(all, []snapshot.Need{routes}) {
		t.Errorf("of two requests %v is asked for", all)
	}
	s.Record(snapshot.Reading{Need: routes, Why: "not served by this cluster", NotServed: true})
	if all := got(2, grpc, ingresses); !slices.Equal(all, []snapshot.Need{grpc}) {
		t.Errorf("where no route is served, of no request %v is asked for", all)
	}
}
