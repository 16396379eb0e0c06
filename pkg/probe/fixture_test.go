package probe

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fixture is the head of a testdata file: what is asked, what must be answered.
// The other documents of the file are the cluster, or the manifests.
type fixture struct {
	// Ask is the target: "deployment/web", or several with spaces between; empty for the namespace, shop.
	Ask string `json:"ask"`
	// Manifests says that the documents were written and nothing was observed.
	Manifests bool               `json:"manifests"`
	Want      []ruletest.Finding `json:"want"`
}

// Every file under testdata is one case: a fault with what must be said of it,
// or a near miss about which nothing may be said.
func TestFixtures(t *testing.T) {
	for _, file := range ruletest.Files(t, "*") {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".yaml"), func(t *testing.T) {
			f, s := loadFixture(t, file)
			report := f.check(t, s, lang.English)
			ruletest.Compare(t, f.Want, report.Findings)
			if korean := f.check(t, s, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	for _, file := range ruletest.Files(t, "*") {
		f, s := loadFixture(t, file)
		targets, _ := resolve(s, f.query(t))
		scope, _ := reach(s, targets)
		for _, r := range Rules() {
			ruletest.ReadsWhatItDeclares(t, file, r, s, scope)
		}
	}
}

// Each rule stands once, has an entry in the catalogue, fires in a fixture, and
// has a near miss of its own: a file beside it in which it stays silent.
func TestEveryRuleFiresAndIsSilent(t *testing.T) {
	c := ruletest.Catalogue(t)
	fired, silent := map[string]bool{}, map[string]bool{}
	for _, file := range ruletest.Files(t, "*") {
		f, _ := loadFixture(t, file)
		own := "probe/" + filepath.Base(filepath.Dir(file))
		names := map[string]bool{}
		for _, w := range f.Want {
			fired[w.Rule], names[w.Rule] = true, true
		}
		if !names[own] {
			silent[own] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range Rules() {
		switch {
		case seen[r.ID]:
			t.Errorf("%s stands twice", r.ID)
		case c[r.ID].ID == "":
			t.Errorf("%s is not in the catalogue", r.ID)
		case !fired[r.ID]:
			t.Errorf("%s fires in no fixture", r.ID)
		case !silent[r.ID]:
			t.Errorf("%s has no near miss", r.ID)
		}
		seen[r.ID] = true
	}
	for _, id := range c.IDs() {
		if strings.HasPrefix(id, "probe/") && !seen[id] && !slices.Contains(ranRules(), id) {
			t.Errorf("%s is in the catalogue and no rule finds it", id)
		}
	}
}

func (f fixture) query(t *testing.T) Query {
	t.Helper()
	return Query{Namespace: ruletest.Namespace, Targets: ruletest.Targets(t, f.Ask)}
}

func (f fixture) check(t *testing.T, s *snapshot.Snapshot, l lang.Lang) Report {
	t.Helper()
	report, err := Check(s, f.query(t), Options{Lang: l, Catalogue: ruletest.Catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

// loadFixture reads a fixture into a snapshot in which every kind was listed completely.
func loadFixture(t *testing.T, file string) (fixture, *snapshot.Snapshot) {
	t.Helper()
	var f fixture
	documents := ruletest.Read(t, file, &f)
	source := snapshot.FromCluster
	if f.Manifests {
		source = snapshot.FromManifests
	}
	s, err := ruletest.Snapshot(source, ruletest.Noon(), documents)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if !f.Manifests {
		ruletest.Complete(s, nil)
	}
	return f, s
}

// An error names what is wrong; what could not be read is said.
func TestCheckRefuses(t *testing.T) {
	s := snapshot.New(snapshot.FromCluster, time.Unix(0, 0))
	var missing *rule.NotFoundError
	web := finding.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Deployment", Namespace: "shop", Name: "web"}, NotFound: true})
	if _, err := Check(s, Query{Namespace: "shop", Targets: []finding.Ref{web}}, Options{}); !errors.As(err, &missing) {
		t.Errorf("not there: %v", err)
	}
	if _, err := Check(s, Query{Selector: "a in (b"}, Options{}); err == nil {
		t.Error("a selector that does not parse is taken")
	}
	api := finding.Ref{Kind: "Deployment", Namespace: "shop", Name: "api"}
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Deployment", Namespace: "shop", Name: "api"}, Why: `forbidden: get deployments.apps "api" in namespace shop`})
	report, err := Check(s, Query{Namespace: "shop", Targets: []finding.Ref{api}}, Options{Lang: lang.English})
	if err != nil || len(report.NotChecked) != 1 || report.NotChecked[0].Why != `forbidden: get deployments.apps "api" in namespace shop` {
		t.Errorf("forbidden: %+v, %v", report.NotChecked, err)
	}
}
