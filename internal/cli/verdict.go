package cli

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// verdictOptions say which reports make the command fail.
type verdictOptions struct {
	failOn failOn
	strict bool
}

// give writes a report, and turns it into an exit code.
func (a *app) give(report interface{ Base() finding.Report }, o outputValue, v verdictOptions) error {
	if err := render.Write(a.Streams.Out, report, a.render(o)); err != nil {
		return err
	}
	return v.judge(report.Base())
}

// judge turns a report that has been written into an exit code: the same for
// every format. What was found counts before what was not looked at.
func (v verdictOptions) judge(r finding.Report) error {
	if v.failOn != failNever && finding.AtLeast(r.Findings, finding.Severity(v.failOn)) > 0 {
		return &verdictError{exitFindings}
	}
	if v.strict && len(r.NotChecked) > 0 {
		return &verdictError{exitNotChecked}
	}
	return nil
}
