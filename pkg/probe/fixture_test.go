package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fixture is the head of a testdata file: what is asked, what must be answered.
// The other documents of the file are the cluster, or the manifests.
type fixture struct {
	// Ask is the target: "deployment/web", or several with spaces between; empty for the namespace, shop.
	Ask string `json:"ask"`
	// Manifests says that the documents were written and nothing was observed.
	Manifests bool          `json:"manifests"`
	Want      []wantFinding `json:"want"`
}

// wantFinding holds what matters of a finding; empty fields are not compared.
type wantFinding struct {
	Rule       string             `json:"rule"`
	Object     string             `json:"object"`
	Container  string             `json:"container"`
	Severity   finding.Severity   `json:"severity"`
	Confidence finding.Confidence `json:"confidence"`
	Count      int                `json:"count"`
	Chain      []string           `json:"chain"`
	// Says are parts that the English title, why, evidence or steps must hold, Not such as they must not.
	Says []string `json:"says"`
	Not  []string `json:"not"`
}

func fixtures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return files
}

// Every file under testdata is one case: a fault with what must be said of it,
// or a near miss about which nothing may be said.
func TestFixtures(t *testing.T) {
	for _, file := range fixtures(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".yaml"), func(t *testing.T) {
			f, s := loadFixture(t, file)
			report := f.check(t, s, lang.English)
			compareFindings(t, f.Want, report.Findings)
			if korean := f.check(t, s, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	for _, file := range fixtures(t) {
		f, s := loadFixture(t, file)
		targets, _ := resolve(s, f.query(t))
		scope, _ := reach(s, targets)
		for _, r := range Rules() {
			declared := map[snapshot.Kind]bool{}
			for _, k := range r.Reads {
				declared[k] = true
			}
			s.Trace()
			r.Check(s, scope)
			for _, k := range s.Traced() {
				if !declared[k] {
					t.Errorf("%s: %s reads %s and does not declare it", file, r.ID, k)
				}
			}
		}
	}
}

// Each rule stands once, has an entry in the catalogue, fires in a fixture, and
// has a near miss of its own: a file beside it in which it stays silent.
func TestEveryRuleFiresAndIsSilent(t *testing.T) {
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	fired, silent := map[string]bool{}, map[string]bool{}
	for _, file := range fixtures(t) {
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
	q := Query{Namespace: "shop"}
	for _, target := range strings.Fields(f.Ask) {
		kind, name, ok := strings.Cut(target, "/")
		info, known := snapshot.Resolve(kind)
		if !ok || !known {
			t.Fatalf("ask %q: want KIND/NAME", f.Ask)
		}
		q.Targets = append(q.Targets, finding.Ref{Kind: string(info.Kind), Namespace: "shop", Name: name})
	}
	return q
}

func (f fixture) check(t *testing.T, s *snapshot.Snapshot, l lang.Lang) Report {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(s, f.query(t), Options{Lang: l, Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range report.Findings {
		text := found.Title + found.Why
		for _, step := range found.Fix {
			text += step.Text + step.Command
		}
		if strings.Contains(text, "render text:") || strings.Contains(text, "parse text:") || strings.Contains(text, "<no value>") {
			t.Errorf("%s in %s: %s", found.Rule, l, text)
		}
		if len(found.Fix) == 0 {
			t.Errorf("%s: no next step", found.Rule)
		}
	}
	return report
}

func compareFindings(t *testing.T, want []wantFinding, got []finding.Finding) {
	t.Helper()
	var wantRules, gotRules []string
	for _, w := range want {
		wantRules = append(wantRules, w.Rule)
	}
	for _, g := range got {
		gotRules = append(gotRules, g.Rule)
	}
	if diff := cmp.Diff(wantRules, gotRules); diff != "" {
		t.Fatalf("rules (-want +got):\n%s", diff)
	}
	for i, w := range want {
		compareFinding(t, w, got[i])
	}
}

func compareFinding(t *testing.T, w wantFinding, g finding.Finding) {
	t.Helper()
	check := func(what string, want, got any, given bool) {
		if diff := cmp.Diff(want, got); given && diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", w.Rule, what, diff)
		}
	}
	check("object", w.Object, g.Object.String(), w.Object != "")
	check("container", w.Container, g.Object.Container, w.Container != "")
	check("severity", w.Severity, g.Severity, w.Severity != "")
	check("confidence", w.Confidence, g.Confidence, w.Confidence != "")
	check("count", w.Count, g.Count, w.Count != 0)
	check("chain", w.Chain, g.Chain, w.Chain != nil)
	text := g.Title + "\n" + g.Why
	for _, e := range g.Evidence {
		text += "\n" + e.Object + " " + e.Path + ": " + e.Value
	}
	for _, step := range g.Fix {
		text += "\n" + step.Text + "\n" + step.Command
	}
	for _, part := range w.Says {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", w.Rule, part, text)
		}
	}
	for _, part := range w.Not {
		if strings.Contains(text, part) {
			t.Errorf("%s says %q:\n%s", w.Rule, part, text)
		}
	}
}

// loadFixture reads a fixture into a snapshot in which every kind was listed completely.
func loadFixture(t *testing.T, file string) (fixture, *snapshot.Snapshot) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	documents := splitDocuments(t, data)
	var f fixture
	if err := yaml.UnmarshalStrict(documents[0], &f); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	source := snapshot.FromCluster
	if f.Manifests {
		source = snapshot.FromManifests
	}
	s := snapshot.New(source, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	s.Namespace = "shop"
	for _, d := range documents[1:] {
		s.Add(decodeObject(t, file, d))
	}
	for _, i := range snapshot.Kinds() {
		if !f.Manifests {
			s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}})
		}
	}
	return f, s
}

func splitDocuments(t *testing.T, data []byte) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var out [][]byte
	for {
		d, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(d)) > 0 {
			out = append(out, d)
		}
	}
}

func decodeObject(t *testing.T, file string, d []byte) snapshot.Object {
	t.Helper()
	var head struct {
		Kind snapshot.Kind `json:"kind"`
	}
	if err := yaml.Unmarshal(d, &head); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	info, ok := snapshot.Lookup(head.Kind)
	if !ok {
		t.Fatalf("%s: kind %q", file, head.Kind)
	}
	o := info.New()
	if err := yaml.UnmarshalStrict(d, o); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, d)
	}
	if info.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace("shop")
	}
	return o
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
