package inspect

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// NotFoundError says that objects that were asked about by name, or the
// namespace they were looked for in, are not there.
type NotFoundError struct{ Targets []finding.Ref }

func (e *NotFoundError) Error() string {
	names := make([]string, len(e.Targets))
	for i, t := range e.Targets {
		names[i] = t.String()
		if t.Namespace != "" {
			names[i] += " in namespace " + t.Namespace
		}
	}
	return fmt.Sprintf("not found: %s", strings.Join(names, ", "))
}

// absent lists what was asked about by name and is not there.
func absent(s *snapshot.Snapshot, q Query) []finding.Ref {
	var out []finding.Ref
	for _, t := range q.Targets {
		_, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State == snapshot.Absent || s.Source == snapshot.FromManifests && a.State != snapshot.Present {
			out = append(out, t)
		}
	}
	if len(q.Targets) == 0 && s.Asked(snapshot.Need{Kind: "Namespace", Name: q.Namespace}).State == snapshot.Absent {
		out = append(out, finding.Ref{Kind: "Namespace", Name: q.Namespace})
	}
	return out
}

// notChecked lists what could not be read, each once.
func (e explainer) notChecked() []finding.NotChecked {
	var out []finding.NotChecked
	for _, r := range e.s.Readings() {
		switch {
		case r.Why != "":
			out = append(out, e.unread(e.reading(r.Need), r.Why))
		case r.Partial:
			out = append(out, finding.NotChecked{What: e.reading(r.Need), Why: e.text("why-cut", nil)})
		}
	}
	for _, r := range e.s.Logs() {
		if r.Why != "" {
			args := map[string]any{"container": r.Need.Container, "pod": r.Need.Pod, "namespace": r.Need.Namespace}
			out = append(out, finding.NotChecked{What: e.text("read-log", args), Why: e.reason(r.Why)})
		}
	}
	if logs, _ := endLogs(e.s, e.scope); len(logs) > shownLogs && e.s.Source == snapshot.FromCluster {
		args := map[string]any{"n": len(logs) - shownLogs, "bound": shownLogs}
		out = append(out, finding.NotChecked{What: e.text("read-more-logs", args), Why: e.text("why-bound", args)})
	}
	return out
}

// unread names the missing verb in the reader's language too.
func (e explainer) unread(what, why string) finding.NotChecked {
	if strings.HasPrefix(why, "forbidden: ") {
		why = "forbidden: " + what
	}
	return finding.NotChecked{What: what, Why: e.reason(why)}
}

// reading says what was to be read.
func (e explainer) reading(n snapshot.Need) string {
	info, known := snapshot.Lookup(n.Kind)
	if !known {
		return n.String()
	}
	args := map[string]any{"resource": info.Resource.GroupResource().String(), "namespace": n.Namespace, "namespaced": info.Namespaced, "name": n.Name}
	if n.Name != "" {
		return e.text("read-one", args)
	}
	return e.text("read-list", args)
}

// reason says why something could not be read; what a server said in words of
// its own stays as it is.
func (e explainer) reason(why string) string {
	if action, ok := strings.CutPrefix(why, "forbidden: "); ok {
		return e.text("why-forbidden", map[string]any{"action": action})
	}
	switch why {
	case "timed out":
		return e.text("why-timed-out", nil)
	case "not served by this cluster":
		return e.text("why-not-served", nil)
	}
	return why
}
