package inspect

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fixture is the head of a testdata file: what is asked, what must be answered.
// The other documents of the file are the cluster, complete but for Unknown.
type fixture struct {
	// Ask is the target: "service/web", or several with spaces between. Their namespace is shop.
	Ask     string    `json:"ask"`
	TakenAt time.Time `json:"takenAt"`
	// Want are the findings in order; empty means that inspect must stay silent.
	Want []ruletest.Finding `json:"want"`
	// Unknown maps kinds that could not be read to the reason.
	Unknown map[snapshot.Kind]string `json:"unknown"`
	Logs    []snapshot.LogReading    `json:"logs"`
}

// Every file under testdata is one case: a fault with what must be said of it,
// or a near miss about which nothing may be said.
func TestFixtures(t *testing.T) {
	for _, file := range ruletest.Files(t, "*") {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".yaml")
		t.Run(name, func(t *testing.T) {
			f, s := loadFixture(t, file)
			report := inspectFixture(t, f, s, lang.English)
			ruletest.Compare(t, f.Want, report.Findings)
			korean := inspectFixture(t, f, s, lang.Korean)
			if len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	for _, file := range ruletest.Files(t, "*") {
		f, s := loadFixture(t, file)
		scope, _ := reach(s, ruletest.Targets(t, f.Ask))
		for _, r := range Rules() {
			ruletest.ReadsWhatItDeclares(t, file, r, s, scope)
		}
	}
}

// Each rule stands once, has an entry in the catalogue, fires in at least one
// fixture and stays silent in at least one that asks for nothing.
func TestEveryRuleHasAFiringCase(t *testing.T) {
	c := ruletest.Catalogue(t)
	fired := map[string]bool{}
	for _, file := range ruletest.Files(t, "*") {
		f, _ := loadFixture(t, file)
		for _, w := range f.Want {
			fired[w.Rule] = true
			for _, e := range w.Explains {
				fired[e] = true
			}
		}
	}
	seen, rooms := map[string]bool{}, map[string]bool{}
	for _, r := range Rules() {
		room, _, _ := strings.Cut(r.ID, "/")
		rooms[room] = true
		if seen[r.ID] {
			t.Errorf("%s stands twice", r.ID)
		}
		seen[r.ID] = true
		if _, ok := c[r.ID]; !ok {
			t.Errorf("%s is not in the catalogue", r.ID)
		}
		if !fired[r.ID] && !strings.HasPrefix(r.ID, "pod/") { // those have table tests of their own
			t.Errorf("%s fires in no fixture", r.ID)
		}
	}
	for _, id := range c.IDs() {
		if room, _, _ := strings.Cut(id, "/"); rooms[room] && !seen[id] { // other rooms see to theirs
			t.Errorf("%s is in the catalogue and no rule finds it", id)
		}
	}
}

func inspectFixture(t *testing.T, f fixture, s *snapshot.Snapshot, l lang.Lang) Report {
	t.Helper()
	report, err := Inspect(s, Query{Namespace: ruletest.Namespace, Targets: ruletest.Targets(t, f.Ask)}, Options{Lang: l, Catalogue: ruletest.Catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

// loadFixture reads a fixture into a snapshot in which every kind was listed
// completely, but for those that it calls unknown.
func loadFixture(t *testing.T, file string) (fixture, *snapshot.Snapshot) {
	t.Helper()
	f := fixture{TakenAt: ruletest.Noon()}
	documents := ruletest.Read(t, file, &f)
	s, err := ruletest.Snapshot(snapshot.FromCluster, f.TakenAt, documents)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	ruletest.Complete(s, f.Unknown)
	for _, l := range f.Logs {
		if l.Need.Lines == 0 {
			l.Need.Lines = logLines
		}
		l.Need.Namespace = ruletest.Namespace
		s.RecordLog(l)
	}
	return f, s
}
