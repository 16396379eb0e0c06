package inspect

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fixture is the head of a testdata file: what is asked, what must be answered.
// The other documents of the file are the cluster, complete but for Unknown.
type fixture struct {
	// Ask is the target: "service/web", or several with spaces between. Their namespace is shop.
	Ask     string    `json:"ask"`
	TakenAt time.Time `json:"takenAt"`
	// Want are the findings in order; empty means that inspect must stay silent.
	Want []wantFinding `json:"want"`
	// Unknown maps kinds that could not be read to the reason.
	Unknown map[snapshot.Kind]string `json:"unknown"`
	Logs    []snapshot.LogReading    `json:"logs"`
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
	Explains   []string           `json:"explains"`
	// Says are parts that the English title, why or evidence must hold.
	Says []string `json:"says"`
	// Not are parts that the English title and why must not hold.
	Not []string `json:"not"`
}

// Every file under testdata is one case: a fault with what must be said of it,
// or a near miss about which nothing may be said.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".yaml")
		t.Run(name, func(t *testing.T) {
			f, s := loadFixture(t, file)
			report := inspectFixture(t, f, s, lang.English)
			compareFindings(t, f.Want, report.Findings)
			korean := inspectFixture(t, f, s, lang.Korean)
			if len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

// A rule may only look at the kinds that it declares.
func TestRulesReadWhatTheyDeclare(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	for _, file := range files {
		f, s := loadFixture(t, file)
		scope, _ := reach(s, f.targets(t))
		for _, r := range Rules() {
			declared := map[snapshot.Kind]bool{}
			for _, k := range r.Reads {
				declared[k] = true
			}
			s.Trace()
			if r.Needs != nil {
				r.Needs(s, scope)
			}
			r.Check(s, scope)
			for _, k := range s.Traced() {
				if !declared[k] {
					t.Errorf("%s: %s reads %s and does not declare it", file, r.ID, k)
				}
			}
		}
	}
}

// Each rule stands once, has an entry in the catalogue, fires in at least one
// fixture and stays silent in at least one that asks for nothing.
func TestEveryRuleHasAFiringCase(t *testing.T) {
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	fired := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join("testdata", "*", "*.yaml"))
	for _, file := range files {
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

func (f fixture) targets(t *testing.T) []finding.Ref {
	t.Helper()
	var out []finding.Ref
	for _, target := range strings.Fields(f.Ask) {
		kind, name, ok := strings.Cut(target, "/")
		info, known := snapshot.Resolve(kind)
		if !ok || !known {
			t.Fatalf("ask %q: want KIND/NAME", f.Ask)
		}
		ref := finding.Ref{Kind: string(info.Kind), Name: name}
		if info.Namespaced {
			ref.Namespace = "shop"
		}
		out = append(out, ref)
	}
	return out
}

func inspectFixture(t *testing.T, f fixture, s *snapshot.Snapshot, l lang.Lang) Report {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Inspect(s, Query{Namespace: "shop", Targets: f.targets(t)}, Options{Lang: l, Catalogue: c})
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
	symptoms := []string{}
	for _, e := range g.Explains {
		symptoms = append(symptoms, e.Rule)
	}
	check("explains", w.Explains, symptoms, w.Explains != nil)
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
		if strings.Contains(g.Title+"\n"+g.Why, part) {
			t.Errorf("%s says %q:\n%s", w.Rule, part, text)
		}
	}
}

// loadFixture reads a fixture into a snapshot in which every kind was listed
// completely, but for those that it calls unknown.
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
	if f.TakenAt.IsZero() {
		f.TakenAt = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	}
	s := snapshot.New(snapshot.FromCluster, f.TakenAt)
	s.Namespace = "shop"
	for _, d := range documents[1:] {
		s.Add(decodeObject(t, file, d))
	}
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}, Why: f.Unknown[i.Kind]})
	}
	for _, l := range f.Logs {
		if l.Need.Lines == 0 {
			l.Need.Lines = logLines
		}
		l.Need.Namespace = "shop"
		s.RecordLog(l)
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
	if head.Kind == "Secret" {
		var secret corev1.Secret
		if err := yaml.UnmarshalStrict(d, &secret); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return inShop(snapshot.NewSecret(&secret))
	}
	o := info.New()
	if err := yaml.UnmarshalStrict(d, o); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, d)
	}
	if info.Namespaced {
		inShop(o)
	}
	return o
}

func inShop(o snapshot.Object) snapshot.Object {
	if o.GetNamespace() == "" {
		o.SetNamespace("shop")
	}
	return o
}
