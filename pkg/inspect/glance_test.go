package inspect

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
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
