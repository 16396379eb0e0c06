package inspect

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// withContainer points at one container of the object.
func withContainer(r finding.Ref, container string) finding.Ref {
	r.Container = container
	return r
}
