package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// treeOptions is what will run.
type treeOptions struct {
	readOptions
	why bool
}

func newTree(a *app, runF func(context.Context, treeOptions) error) *cobra.Command {
	f := newReadFlags(failNever)
	var why bool
	cmd := &cobra.Command{
		Use:               "tree TYPE/NAME ...",
		Short:             a.t("tree.short"),
		Long:              a.t("tree.long"),
		Example:           a.t("tree.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			o := treeOptions{why: why}
			var err error
			if o.readOptions, err = f.options(a, args, parseAnySelection); err != nil {
				return err
			}
			if len(o.selection.objects) == 0 && f.selector == "" {
				return usage("error.tree-needs-object", "command", cmd.CommandPath())
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runTree(cmd.Context(), o)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&why, "why", false, "")
	return cmd
}

func (a *app) runTree(ctx context.Context, o treeOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.see(ctx, o.readOptions, inspect.TreePlan)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := inspect.Tree(s, q, inspect.TreeOptions{Options: inspect.Options{Lang: a.lang, Catalogue: catalogue}, Why: o.why})
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}
