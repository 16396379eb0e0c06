package inspect

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// unchecked lists what could not be read. An add-on that is not there leaves nothing
// unchecked, but for who asks about it.
func unchecked(s *snapshot.Snapshot, q Query, words rule.Unread) []finding.NotChecked {
	out := words.NotChecked(s)
	var asked []snapshot.Need
	for _, t := range q.Targets {
		asked = append(asked, snapshot.Need{Kind: snapshot.Kind(t.Kind), Namespace: t.Namespace, Name: t.Name})
	}
	for _, k := range q.Kinds {
		asked = append(asked, q.list(s, k))
	}
	for _, n := range asked {
		if a := s.Asked(n); a.NotServed && addOn(n.Kind) {
			out = append(out, finding.NotChecked{What: words.Object(n), Why: words.Reason(a.Why)})
		}
	}
	return out
}

// notChecked lists what could not be read, each once.
func (e explainer) notChecked(q Query) []finding.NotChecked {
	out := unchecked(e.s, q, e.unread)
	if logs, _ := endLogs(e.s, e.scope); len(logs) > shownLogs && e.s.Source == snapshot.FromCluster {
		args := map[string]any{"n": len(logs) - shownLogs, "bound": shownLogs}
		out = append(out, finding.NotChecked{What: e.text("read-more-logs", args), Why: e.text("why-bound", args)})
	}
	return out
}

// settled takes out the lists that only stood for single objects, where each of
// these was answered for by itself after the list was refused.
func (e explainer) settled(all []finding.NotChecked, desired []snapshot.Need) []finding.NotChecked {
	for _, r := range e.s.Readings() {
		if r.Why == "" || r.Need.Name != "" {
			continue
		}
		within := func(n snapshot.Need) bool {
			return n.Kind == r.Need.Kind && (r.Need.Namespace == "" || n.Namespace == r.Need.Namespace)
		}
		single := func(x snapshot.Reading) bool { return x.Need.Name != "" && x.Why == "" && within(x.Need) }
		open := func(n snapshot.Need) bool {
			return n == r.Need || n.Name != "" && within(n) && e.s.Asked(n).State == snapshot.Unknown
		}
		if slices.ContainsFunc(e.s.Readings(), single) && !slices.ContainsFunc(desired, open) {
			what := e.unread.Object(r.Need)
			all = slices.DeleteFunc(all, func(n finding.NotChecked) bool { return n.What == what })
		}
	}
	return all
}
