package inspect

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// readAsPlanned answers Plan's needs out of a complete snapshot until it wants
// nothing more, and returns every read in order: what an API server would be asked.
func readAsPlanned(t *testing.T, full *snapshot.Snapshot, target finding.Ref) []snapshot.Need {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, full.TakenAt)
	q := Query{Namespace: target.Namespace, Targets: []finding.Ref{target}}
	var reads []snapshot.Need
	for range 10 {
		needs := Plan(s, q)
		if needs.Empty() {
			return reads
		}
		for _, n := range needs.Objects {
			reads = append(reads, n)
			answer(s, full, n)
		}
		for _, n := range needs.Logs {
			s.RecordLog(snapshot.LogReading{Need: n})
		}
	}
	t.Fatalf("%v: the plan does not come to an end: %v", target, reads)
	return nil
}

func answer(s, full *snapshot.Snapshot, n snapshot.Need) {
	r := snapshot.Reading{Need: n, NotFound: n.Name != ""}
	for _, o := range full.OfKind(n.Kind, n.Namespace) {
		if n.Name == "" || n.Name == o.GetName() {
			s.Add(o)
			r.NotFound = false
		}
	}
	s.Record(r)
}

func readsOf(reads []snapshot.Need, kinds ...snapshot.Kind) []string {
	var out []string
	for _, n := range reads {
		if slices.Contains(kinds, n.Kind) {
			out = append(out, n.String())
		}
	}
	return out
}

// Inspecting a pod costs at most 8 reads of objects, a workload at most 10,
// whatever is wrong with it.
func TestReadsStayInBudget(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		f, full := loadFixture(t, file)
		targets := map[finding.Ref]int{ruletest.Targets(t, f.Ask)[0]: 10}
		for _, pod := range full.OfKind("Pod", "shop") {
			targets[finding.Ref{Kind: "Pod", Namespace: "shop", Name: pod.GetName()}] = 8
		}
		for target, budget := range targets {
			if target.Kind == "Service" {
				continue
			}
			if reads := readAsPlanned(t, full, target); len(reads) > budget {
				t.Errorf("%s: %s costs %d reads: %v", file, target, len(reads), reads)
			}
		}
	}
}

// What is read for references, by fixture.
func TestLookups(t *testing.T) {
	get := func(resource, name string) string { return fmt.Sprintf("get %s %q in namespace shop", resource, name) }
	for fixture, want := range map[string][]string{
		"config/secret-missing-env":           {get("secrets", "creds")},
		"config/secret-key-of-missing-secret": {get("secrets", "creds")},
		"config/three-missing":                {get("configmaps", "flags"), get("secrets", "db"), get("configmaps", "settings")},
		"config/projected":                    {get("secrets", "creds"), get("configmaps", "flags"), get("secrets", "db")},
		"config/secret-optional":              nil,
		"config/running-after-deletion":       nil,
		"config/volume-mounted":               nil,
		"config/volume-not-mine":              nil,
		"config/certificate-expired":          {get("secrets", "web-tls")},
		"image/pull-secret-missing":           {get("secrets", "regcred")},
		"image/pull-secret-missing-works":     nil,
		"image/not-found":                     nil,
	} {
		t.Run(fixture, func(t *testing.T) {
			f, full := loadFixture(t, filepath.Join("testdata", fixture+".yaml"))
			got := readsOf(readAsPlanned(t, full, ruletest.Targets(t, f.Ask)[0]), secretKind, configMapKind)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// One GET for each name while they are few, else one list.
func TestReadsFor(t *testing.T) {
	secret := func(name string) wanted { return wanted{secretKind, "shop", name} }
	settings := func(name string) wanted { return wanted{configMapKind, "shop", name} }
	for _, c := range []struct {
		name string
		all  []wanted
		want int
		list snapshot.Kind
	}{
		{"one", []wanted{secret("a")}, 1, ""},
		{"two of a kind", []wanted{secret("a"), secret("b")}, 2, ""},
		{"three of a kind", []wanted{secret("a"), secret("b"), secret("c")}, 1, secretKind},
		{"two and one", []wanted{secret("a"), secret("b"), settings("c")}, 3, ""},
		{"two and two", []wanted{secret("a"), secret("b"), settings("c"), settings("d")}, 3, configMapKind},
		{"three and two", []wanted{secret("a"), secret("b"), secret("e"), settings("c"), settings("d")}, 3, secretKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readsFor(c.all)
			if len(got) != c.want {
				t.Errorf("%d reads, want %d: %v", len(got), c.want, got)
			}
			for _, n := range got {
				if (n.Name == "") != (n.Kind == c.list) {
					t.Errorf("%v", n)
				}
			}
		})
	}
}
