package render

import (
	"fmt"
	"io"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

func writeText(w io.Writer, report any, base finding.Report, o Options) error {
	for _, f := range base.Findings {
		fmt.Fprintln(w, f.Title)
	}
	return nil
}
