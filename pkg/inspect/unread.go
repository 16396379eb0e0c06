package inspect

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// notChecked lists what could not be read, each once.
func (e explainer) notChecked() []finding.NotChecked {
	out := e.unread.NotChecked(e.s)
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
