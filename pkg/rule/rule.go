// Package rule is what every rule has in common: what it reads, what it is
// asked about, and how its findings become a diagnosis.
package rule

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Rule finds one kind of root cause. Check is pure and deterministic, and its
// deliberate silences are written in the catalogue. A false alarm is worse than a silence.
type Rule struct {
	// ID is the rule's id in the catalogue: "room/cause".
	ID string
	// Reads lists every kind that Needs and Check look at in the snapshot; a test holds them to it.
	Reads []snapshot.Kind
	// Needs says what Check still wants to read, given what is known so far; nil for nothing beyond the scope itself.
	Needs func(*snapshot.Snapshot, *Scope) snapshot.Needs
	// Check reports what it found; one finding for each pod is fine, Diagnose groups them.
	Check func(*snapshot.Snapshot, *Scope) []finding.Finding
}

// Needs unites what the rules still want to read and have not tried to.
func Needs(s *snapshot.Snapshot, scope *Scope, rules []Rule) snapshot.Needs {
	var all snapshot.Needs
	for _, r := range rules {
		if r.Needs != nil {
			all.Add(r.Needs(s, scope))
		}
	}
	return s.Missing(all)
}

// Run checks every rule; the findings carry their rule's id.
func Run(s *snapshot.Snapshot, scope *Scope, rules []Rule) []finding.Finding {
	var all []finding.Finding
	for _, r := range rules {
		for _, f := range r.Check(s, scope) {
			f.Rule = r.ID
			all = append(all, f)
		}
	}
	return all
}
