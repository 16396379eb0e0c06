package rule

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
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
