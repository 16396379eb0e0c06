package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// quotaSuggestOptions is what will run.
type quotaSuggestOptions struct {
	quotaOptions
	historyOptions
	method quota.Method
	// form is "" for a report.
	form quota.Form
}

func newQuotaSuggest(a *app, runF func(context.Context, quotaSuggestOptions) error) *cobra.Command {
	f, history := newQuotaFlags(failNever), newHistoryFlags()
	method, form := quota.MethodOurs, quota.Form("")
	cmd := &cobra.Command{
		Use:               "suggest [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("quota.suggest.short"),
		Long:              a.t("quota.suggest.long"),
		Example:           a.t("quota.suggest.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(cmd *cobra.Command, args []string) (o quotaSuggestOptions, err error) {
			o.method, o.form = method, form
			if o.quotaOptions, err = f.options(a, args); err == nil {
				err = checkWorkloads(o.selection)
			}
			if err == nil {
				o.historyOptions, err = history.options()
			}
			if err == nil && form != "" && cmd.Flags().Changed("output") {
				err = usage("quota.error.form-and-output")
			}
			return o, err
		}, a.runQuotaSuggest, runF),
	}
	f.add(cmd)
	history.add(cmd)
	cmd.Flags().Var(enum(&method, quota.MethodOurs, quota.MethodVPA, quota.MethodKRR), "method", "")
	cmd.Flags().Var(enum(&form, quota.AsPatch, quota.AsKustomize, quota.AsHelm), "form", "")
	return cmd
}

func (a *app) runQuotaSuggest(ctx context.Context, o quotaSuggestOptions) error {
	s, q, name, err := a.readUsage(ctx, o.quotaOptions, o.historyOptions, func(s *snapshot.Snapshot, q quota.Query) snapshot.Needs {
		return quota.UsageNeeds(s, q, true)
	}, o.wholeHistory)
	if err != nil {
		return err
	}
	report, err := quota.SuggestOf(s, q, o.window, o.method, a.lang)
	if err != nil {
		return err
	}
	report.Prometheus = name
	if o.form == "" {
		err = render.Write(a.Streams.Out, report, a.render(o.output))
	} else {
		_, err = io.WriteString(a.Streams.Out, report.Written(o.form))
	}
	if err != nil {
		return err
	}
	return o.verdict.judge(report.Report)
}
