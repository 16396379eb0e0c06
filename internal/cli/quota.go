package cli

import (
	"github.com/spf13/cobra"
)

// newQuota groups what is told about requests, limits and quotas.
func newQuota(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "quota",
		Short:   a.t("quota.short"),
		Long:    a.t("quota.long"),
		Example: a.t("quota.examples"),
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newQuotaCheck(a, nil), newQuotaHeadroom(a, nil), newQuotaFit(a, nil), newQuotaAudit(a, nil), newQuotaUsage(a, nil), newQuotaSuggest(a, nil))
	return cmd
}
