package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

func newQuotaHeadroom(a *app, runF func(context.Context, quotaOptions) error) *cobra.Command {
	f, explain := newQuotaFlags(failNever), false
	cmd := &cobra.Command{
		Use:               "headroom [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("quota.headroom.short"),
		Long:              a.t("quota.headroom.long"),
		Example:           a.t("quota.headroom.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(_ *cobra.Command, args []string) (quotaOptions, error) {
			o, err := f.options(a, args)
			if err == nil {
				err = checkWorkloads(o.selection)
			}
			o.explain = explain
			return o, err
		}, a.runQuotaHeadroom, runF),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&explain, "explain", false, "")
	return cmd
}

// checkWorkloads refuses what has no pods of its own making.
func checkWorkloads(s selection) error {
	if len(s.kinds) > 0 {
		return usage("quota.error.name-a-workload", "kind", string(s.kinds[0]))
	}
	for _, o := range s.objects {
		if !slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "Job", "CronJob"}, o.Kind) {
			return usage("quota.error.not-a-workload", "object", o.String())
		}
	}
	return nil
}

func (a *app) runQuotaHeadroom(ctx context.Context, o quotaOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.readQuota(ctx, o, quota.HeadroomNeeds)
	if err != nil {
		return err
	}
	report, err := quota.HeadroomOf(s, q, catalogue, a.lang)
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}
