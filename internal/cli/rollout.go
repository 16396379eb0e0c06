package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// exitOn says at which pause a driver leaves.
type exitOn string

const (
	exitOnEnd   exitOn = "end"
	exitOnPause exitOn = "pause"
)

// newRollout is the group of commands that move traffic to another version.
func newRollout(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rollout",
		Short:   a.t("rollout.short"),
		Long:    a.t("rollout.long"),
		Example: a.t("rollout.examples"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		newRolloutStart(a, startPlan, nil), newRolloutStart(a, startCanary, nil), newRolloutStart(a, startBlueGreen, nil),
		newRolloutStatus(a, nil), newRolloutPromote(a, nil), newRolloutPause(a, nil), newRolloutResume(a, nil),
		newRolloutAbort(a, nil), newRolloutUndo(a, nil), newRolloutList(a, nil),
	)
	return cmd
}

// parseWorkload reads the one workload that a command is about, without its namespace.
func parseWorkload(cmd *cobra.Command, args []string) (rollout.Ref, error) {
	s, err := parseSelection(args)
	var wrong *usageError
	switch {
	case errors.As(err, &wrong) && wrong.id == "error.unknown-kind" && wrong.args["near"] == "" && len(args) == 1 && !strings.Contains(args[0], "/"):
		return rollout.Ref{}, usage("rollout.error.no-type", "name", args[0], "command", cmd.CommandPath())
	case err != nil:
		return rollout.Ref{}, err
	case len(s.objects) == 0 && len(s.kinds) == 0:
		return rollout.Ref{}, usage("rollout.error.no-workload", "command", cmd.CommandPath())
	case len(s.objects) == 0:
		return rollout.Ref{}, usage("rollout.error.no-name", "kind", args[0], "command", cmd.CommandPath())
	case len(s.objects) > 1:
		return rollout.Ref{}, usage("rollout.error.one-workload", "first", s.objects[0].String(), "second", s.objects[1].String())
	}
	if !rollsOut(s.objects[0].Kind) {
		return rollout.Ref{}, usage("rollout.error.kind", "kind", s.objects[0].Kind, "name", s.objects[0].Name)
	}
	return rollout.Ref{Kind: s.objects[0].Kind, Name: s.objects[0].Name}, nil
}

// rollsOut says whether a kind can hold two versions.
func rollsOut(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return true
	}
	return false
}

// completeWorkloads completes TYPE/NAME with the kinds that roll out.
func (a *app) completeWorkloads(cmd *cobra.Command, args []string, typing string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 && !strings.Contains(typing, "/") {
		return []string{"deployment/", "statefulset/", "daemonset/"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return a.completeObjects(cmd, args, typing)
}
