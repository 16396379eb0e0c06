package rule

import (
	"fmt"
	"slices"
	"sort"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Diagnose turns what the rules found into what a person reads: the same cause
// on many objects is one finding with a count, symptoms hang under the cause
// that explains them, chains lead from the target to the cause, and the worst comes first.
func Diagnose(scope *Scope, found []finding.Finding, c finding.Catalogue, l lang.Lang) []finding.Finding {
	findings := group(found, c)
	for i := range findings {
		f := c.Localize(l, findings[i])
		f.Chain = chain(scope, f)
		if f.Confidence == "" {
			f.Confidence = finding.Certain
		}
		if f.Evidence == nil {
			f.Evidence = []finding.Evidence{}
		}
		f.Explains = []finding.Symptom{}
		findings[i] = f
	}
	sort.SliceStable(findings, func(i, j int) bool { return worse(findings[i], findings[j]) })
	return nest(scope, findings, c)
}

// group joins findings that name the same cause: same rule, same object to
// change, same words for it. What differs between the pods that suffer (one
// waits, one runs again for a moment) is left to the evidence, for which the
// worst of them stands.
func group(found []finding.Finding, c finding.Catalogue) []finding.Finding {
	var out []finding.Finding
	at, titles := map[string]int{}, map[string]string{}
	type place struct {
		cause string
		at    finding.Ref
	}
	seen := map[place]bool{}
	for _, f := range found {
		f.Count = max(f.Count, 1)
		if f.Severity == "" {
			f.Severity = c[f.Rule].Severity
		}
		args := fmt.Sprintf("%s|%v|%v", f.Rule, f.Object, f.Args)
		title, ok := titles[args]
		if !ok {
			title = c.Title(lang.English, f)
			titles[args] = title
		}
		k := fmt.Sprintf("%s|%v|%s", f.Rule, f.Object, title)
		here := place{k, f.Where().Object()}
		counted := here.at.Kind == "Pod" && seen[here] // for another of its containers
		seen[here] = true
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, f)
			continue
		}
		known, more, n := out[i], f, out[i].Count+f.Count
		if counted {
			n = out[i].Count
		}
		if more.Severity.Rank() > known.Severity.Rank() {
			known, more = more, known
		} else if counted {
			continue
		}
		known.Count = n
		known.Also = append(known.Also, more.Places()...)
		out[i] = known
	}
	return out
}

func chain(scope *Scope, f finding.Finding) []string {
	refs := append(append([]finding.Ref{}, scope.Chain(f.Where())...), f.Via...)
	out := make([]string, 0, len(refs))
	for _, r := range refs {
		if s := r.String(); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

func worse(a, b finding.Finding) bool {
	confidence := map[finding.Confidence]int{finding.Certain: 2, finding.Likely: 1}
	switch {
	case a.Severity != b.Severity:
		return a.Severity.Rank() > b.Severity.Rank()
	case a.Confidence != b.Confidence:
		return confidence[a.Confidence] > confidence[b.Confidence]
	case a.Count != b.Count:
		return a.Count > b.Count
	case a.Rule != b.Rule:
		return a.Rule < b.Rule
	}
	return fmt.Sprint(a.Object) < fmt.Sprint(b.Object)
}

// nest hangs each symptom under every cause found at or below its object. What
// nothing explains stays a finding of its own.
func nest(scope *Scope, findings []finding.Finding, c finding.Catalogue) []finding.Finding {
	explained := make([]bool, len(findings))
	for i, symptom := range findings {
		if !c[symptom.Rule].IsSymptom() {
			continue
		}
		for j := range findings {
			if i != j && explains(scope, findings[j], symptom, c) {
				explained[i] = true
			}
		}
	}
	out := []finding.Finding{}
	for i, f := range findings {
		if explained[i] {
			continue
		}
		for j, symptom := range findings {
			if explained[j] && explains(scope, f, symptom, c) {
				f.Explains = append(f.Explains, finding.Symptom{Rule: symptom.Rule, Object: symptom.Object, Title: symptom.Title})
			}
		}
		out = append(out, f)
	}
	return out
}

// explains says whether the cause makes the symptom: it is of a kind that can,
// it lies at or below the symptom's object, and it is bad enough to stop
// something. Of two symptoms only the deeper one explains the other.
func explains(scope *Scope, cause, symptom finding.Finding, c finding.Catalogue) bool {
	if !c[symptom.Rule].IsExplainedBy(cause.Rule) || cause.Severity.Rank() < finding.Warning.Rank() || !under(scope, symptom, cause) {
		return false
	}
	return !c[cause.Rule].IsSymptom() || len(scope.Chain(cause.Where())) > len(scope.Chain(symptom.Where()))
}

func under(scope *Scope, symptom, cause finding.Finding) bool {
	return symptom.Rule != cause.Rule && slices.ContainsFunc(cause.Places(), func(place finding.Ref) bool {
		return scope.Under(symptom.Where(), place)
	})
}
