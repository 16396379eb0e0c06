package ruletest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Finding holds what matters of one in a fixture; empty fields are not compared.
type Finding struct {
	Rule       string             `json:"rule"`
	Object     string             `json:"object"`
	Container  string             `json:"container"`
	Severity   finding.Severity   `json:"severity"`
	Confidence finding.Confidence `json:"confidence"`
	Count      int                `json:"count"`
	Chain      []string           `json:"chain"`
	Explains   []string           `json:"explains"`
	// Says are parts that the English title, why, evidence or steps must hold.
	Says []string `json:"says"`
	// Not are parts that the English title and why must not hold.
	Not []string `json:"not"`
}

// Compare holds findings to those that are wanted, in order.
func Compare(t testing.TB, want []Finding, got []finding.Finding) {
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
		w.compare(t, got[i])
	}
}

func (w Finding) compare(t testing.TB, g finding.Finding) {
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
	claim := g.Title + "\n" + g.Why
	text := claim + "\n" + steps(g)
	for _, e := range g.Evidence {
		text += "\n" + e.Object + " " + e.Path + ": " + e.Value
	}
	for _, part := range w.Says {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", w.Rule, part, text)
		}
	}
	for _, part := range w.Not {
		if strings.Contains(claim, part) {
			t.Errorf("%s says %q:\n%s", w.Rule, part, text)
		}
	}
}

func steps(f finding.Finding) string {
	var lines []string
	for _, step := range f.Fix {
		lines = append(lines, step.Text, step.Command)
	}
	return strings.Join(lines, "\n")
}

// Readable holds findings to having all their texts filled in, and a next step.
func Readable(t testing.TB, all []finding.Finding) {
	t.Helper()
	for _, f := range all {
		text := f.Title + f.Why + steps(f)
		for _, unfilled := range []string{"render text:", "parse text:", "<no value>"} {
			if strings.Contains(text, unfilled) {
				t.Errorf("%s: %s", f.Rule, text)
			}
		}
		if len(f.Fix) == 0 {
			t.Errorf("%s: no next step", f.Rule)
		}
	}
}

// ReadsWhatItDeclares holds a rule to look at no kind that it does not declare.
func ReadsWhatItDeclares(t testing.TB, file string, r rule.Rule, s *snapshot.Snapshot, scope *rule.Scope) {
	t.Helper()
	s.Trace()
	if r.Needs != nil {
		r.Needs(s, scope)
	}
	r.Check(s, scope)
	for _, k := range s.Traced() {
		if !slices.Contains(r.Reads, k) {
			t.Errorf("%s: %s reads %s and does not declare it", file, r.ID, k)
		}
	}
}

// Catalogue loads the texts of all rules.
func Catalogue(t testing.TB) finding.Catalogue {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
