package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

func newProbeSuggest(a *app, runF func(context.Context, readOptions) error) *cobra.Command {
	f := newReadFlags(failNever)
	cmd := &cobra.Command{
		Use:               "suggest [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("probe.suggest.short"),
		Long:              a.t("probe.suggest.long"),
		Example:           a.t("probe.suggest.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(_ *cobra.Command, args []string) (readOptions, error) {
			return f.options(a, args, parseAnySelection)
		}, a.runProbeSuggest, runF),
	}
	f.add(cmd)
	return cmd
}

func (a *app) runProbeSuggest(ctx context.Context, o readOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.see(ctx, o, probeCheckPlan)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := probe.Suggest(s, probe.Query(q), probe.Options{Lang: a.lang, Catalogue: catalogue})
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}
