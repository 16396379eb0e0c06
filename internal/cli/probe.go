package cli

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// newProbe holds the commands about probes.
func newProbe(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "probe",
		Short:   a.t("probe.short"),
		Long:    a.t("probe.long"),
		Example: a.t("probe.examples"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newProbeCheck(a, nil), newProbeRun(a, nil), newProbeSuggest(a, nil), newProbeWatch(a, nil))
	return cmd
}

// probePlan asks for what running probes needs; the two queries say the same.
func probePlan(s *snapshot.Snapshot, q inspect.Query) snapshot.Needs {
	return probe.Plan(s, probe.Query(q))
}

// probeCheckPlan asks for what their judgement looks at besides.
func probeCheckPlan(s *snapshot.Snapshot, q inspect.Query) snapshot.Needs {
	return probe.CheckPlan(s, probe.Query(q))
}
