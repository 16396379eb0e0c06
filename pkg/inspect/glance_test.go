package inspect

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Nothing that was read may fall through a glance: each object is there, or its owner is.
func TestGlance(t *testing.T) {
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"owners":    {"deployment/web", "job/nightly-1", "replicaset/rolled-77c", "pod/orphan"},
		"pods-only": {"pod/web-5d9-a"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := loadFixture(t, filepath.Join("testdata", "glance", name+".yaml"))
			report, err := Inspect(s, Query{Namespace: "shop"}, Options{Lang: lang.English, Catalogue: c})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range report.Objects {
				got = append(got, o.Object.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A kind whose objects lie in no namespace is listed as a whole, whatever namespace is in use.
func TestKindsInNoNamespace(t *testing.T) {
	ask := func(kinds ...snapshot.Kind) Report {
		q := Query{Namespace: "shop", Kinds: kinds}
		s, _ := play(t, entranceObjects(t), func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
		r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	names := func(r Report) (out []string) {
		for _, o := range r.Objects {
			out = append(out, o.Object.String())
		}
		return out
	}
	if diff := cmp.Diff([]string{"node/node-1"}, names(ask("Node"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"node/node-1", "pod/web-1-a"}, names(ask("Node", "Pod"))); diff != "" {
		t.Error(diff)
	}
	if r := ask("PriorityClass"); len(r.Objects) > 0 || r.Scope.Namespace != "" { // there are none anywhere
		t.Errorf("%v in namespace %q", r.Objects, r.Scope.Namespace)
	}
}
