package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// quotaCheckFlags is what was typed.
type quotaCheckFlags struct {
	output    outputValue
	failOn    failOn
	strict    bool
	files     []string
	snapshot  string
	local     bool
	askServer bool
	save      string
}

// quotaCheckOptions is what will run.
type quotaCheckOptions struct {
	files []string
	// snapshot is a saved one to check against, local nothing at all; else the cluster.
	snapshot  string
	local     bool
	askServer bool
	// namespace is what -n named, "" where the context's is to be used.
	namespace string
	save      string
	output    outputValue
	verdict   verdictOptions
}

func newQuotaCheck(a *app, runF func(context.Context, quotaCheckOptions) error) *cobra.Command {
	f := &quotaCheckFlags{output: outputValue{format: render.Table}, failOn: failOn(finding.Error), askServer: true}
	cmd := &cobra.Command{
		Use:     "check -f FILE",
		Short:   a.t("quota.check.short"),
		Long:    a.t("quota.check.long"),
		Example: a.t("quota.check.examples"),
		Args:    noArgs,
		RunE:    runs(func(_ *cobra.Command, _ []string) (quotaCheckOptions, error) { return f.options(a) }, a.runQuotaCheck, runF),
	}
	fs := cmd.Flags()
	fs.VarP(&f.output, "output", "o", "")
	fs.Var(enum(&f.failOn, failOn(finding.Error), failOn(finding.Warning), failOn(finding.Info), failNever), "fail-on", "")
	fs.BoolVar(&f.strict, "strict", false, "")
	fs.StringArrayVarP(&f.files, "filename", "f", nil, "")
	fs.StringVar(&f.snapshot, "snapshot", "", "")
	fs.BoolVar(&f.local, "local", false, "")
	fs.BoolVar(&f.askServer, "ask-server", true, "")
	fs.StringVar(&f.save, "save-snapshot", "", "")
	return cmd
}

// options checks what was typed, without looking at any cluster.
func (f *quotaCheckFlags) options(a *app) (quotaCheckOptions, error) {
	o := quotaCheckOptions{
		files: f.files, snapshot: f.snapshot, local: f.local, askServer: f.askServer, namespace: *a.global.config.Namespace,
		save: f.save, output: f.output, verdict: verdictOptions{failOn: f.failOn, strict: f.strict},
	}
	if err := a.global.check(); err != nil {
		return o, err
	}
	if o.namespace != "" {
		if err := checkNamespace(o.namespace); err != nil {
			return o, err
		}
	}
	for _, name := range f.files {
		if name == "" {
			return o, usage("error.flag-needs-value", "flag", "-f/--filename", "type", "file")
		}
	}
	switch {
	case len(f.files) == 0:
		return o, usage("quota.error.no-manifests")
	case f.local && f.snapshot != "":
		return o, usage("quota.error.local-and-snapshot")
	case f.save != "" && (f.local || f.snapshot != ""):
		return o, usage("quota.error.nothing-to-save")
	}
	return o, nil
}
