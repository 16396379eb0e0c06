package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// quotaUsageOptions is what will run.
type quotaUsageOptions struct {
	quotaOptions
	historyOptions
	soft string
}

func newQuotaUsage(a *app, runF func(context.Context, quotaUsageOptions) error) *cobra.Command {
	f, history, soft := newQuotaFlags(failNever), newHistoryFlags(), ""
	cmd := &cobra.Command{
		Use:               "usage [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("quota.usage.short"),
		Long:              a.t("quota.usage.long"),
		Example:           a.t("quota.usage.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(_ *cobra.Command, args []string) (o quotaUsageOptions, err error) {
			o.soft = soft
			if o.quotaOptions, err = f.options(a, args); err == nil {
				err = checkWorkloads(o.selection)
			}
			if err == nil {
				o.historyOptions, err = history.options()
			}
			return o, err
		}, a.runQuotaUsage, runF),
	}
	f.add(cmd)
	history.add(cmd)
	cmd.Flags().StringVar(&soft, "soft", "", "")
	return cmd
}

func (a *app) runQuotaUsage(ctx context.Context, o quotaUsageOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	soft, err := readSoft(o.soft)
	if err != nil {
		return err
	}
	s, q, name, err := a.readUsage(ctx, o.quotaOptions, o.historyOptions, func(s *snapshot.Snapshot, q quota.Query) snapshot.Needs {
		return quota.UsageNeeds(s, q, false)
	}, o.wholeHistory)
	if err != nil {
		return err
	}
	report, err := quota.UsageOf(s, q, o.window, soft, catalogue, a.lang)
	if err != nil {
		return err
	}
	report.Prometheus = name
	return a.give(report, o.output, o.verdict)
}
