package rule

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

// Exist is a *NotFoundError where one of the targets is not there, or, without
// targets, the namespace that was asked about. Of a cluster, what could not be
// read may be there; of manifests, what is not in them is not.
func Exist(s *snapshot.Snapshot, targets []finding.Ref, namespace string) error {
	var missing []finding.Ref
	for _, t := range targets {
		_, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State == snapshot.Absent || s.Source == snapshot.FromManifests && a.State != snapshot.Present {
			missing = append(missing, t)
		}
	}
	if len(targets) == 0 && s.Asked(snapshot.Need{Kind: "Namespace", Name: namespace}).State == snapshot.Absent {
		missing = append(missing, finding.Ref{Kind: "Namespace", Name: namespace})
	}
	if len(missing) > 0 {
		return &NotFoundError{Targets: missing}
	}
	return nil
}
