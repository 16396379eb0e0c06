package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// quotaFitFlags is what was typed.
type quotaFitFlags struct {
	*quotaFlags
	snapshot string
	replicas int
	drain    []string
	add      int
	like     string
}

// quotaFitOptions is what will run.
type quotaFitOptions struct {
	quotaOptions
	// snapshot is a saved one to be answered from, "" for the cluster.
	snapshot string
	// replicas is −1 where nothing was said.
	replicas int
	drain    []string
	add      int
	like     string
}

func newQuotaFit(a *app, runF func(context.Context, quotaFitOptions) error) *cobra.Command {
	f := &quotaFitFlags{quotaFlags: newQuotaFlags(failNever)}
	cmd := &cobra.Command{
		Use:               "fit [TYPE NAME | TYPE/NAME ... | -f FILE]",
		Short:             a.t("quota.fit.short"),
		Long:              a.t("quota.fit.long"),
		Example:           a.t("quota.fit.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE:              runs(func(_ *cobra.Command, args []string) (quotaFitOptions, error) { return f.options(a, args) }, a.runQuotaFit, runF),
	}
	f.addAll(cmd)
	return cmd
}

func (f *quotaFitFlags) addAll(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.snapshot, "snapshot", "", "")
	fs.IntVar(&f.replicas, "replicas", -1, "")
	fs.Lookup("replicas").DefValue = "0" // nothing to tell: the workloads say it
	fs.StringArrayVar(&f.drain, "drain", nil, "")
	fs.IntVar(&f.add, "add-nodes", 0, "")
	fs.StringVar(&f.like, "like", "", "")
	f.quotaFlags.add(cmd)
}

// options checks what was typed, without looking at any cluster.
func (f *quotaFitFlags) options(a *app, args []string) (quotaFitOptions, error) {
	base, err := f.quotaFlags.options(a, args)
	o := quotaFitOptions{quotaOptions: base, snapshot: f.snapshot, replicas: f.replicas, drain: f.drain, add: f.add, like: f.like}
	if err == nil {
		err = checkWorkloads(o.selection)
	}
	if err == nil {
		err = o.checkNodes()
	}
	if err == nil {
		err = o.checkReplicas()
	}
	if err == nil && o.snapshot != "" && o.save != "" {
		err = usage("quota.error.nothing-to-save")
	}
	return o, err
}

func (o quotaFitOptions) checkNodes() error {
	switch {
	case o.add < 0:
		return usage("quota.fit.error.add-nodes")
	case o.add > 0 && o.like == "":
		return usage("quota.fit.error.like-what")
	case o.like != "" && o.add == 0:
		return usage("quota.fit.error.how-many", "node", o.like)
	case slices.Contains(o.drain, ""):
		return usage("error.flag-needs-value", "flag", "--drain", "type", "node")
	case len(o.drain) > 0 && (len(o.selection.objects) > 0 || o.selector != "" || o.replicas >= 0):
		return usage("quota.fit.error.drain-alone")
	}
	return nil
}

func (o quotaFitOptions) checkReplicas() error {
	switch {
	case o.replicas < -1:
		return usage("quota.fit.error.replicas")
	case o.replicas >= 0 && len(o.selection.objects) == 0 && len(o.files) == 0:
		return usage("quota.fit.error.replicas-of-what")
	}
	for _, w := range o.selection.objects {
		if o.replicas >= 0 && !quota.Scalable(w.Kind) {
			return usage("quota.fit.error.no-replicas", "object", w.String())
		}
	}
	return nil
}

func (a *app) runQuotaFit(ctx context.Context, o quotaFitOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.readFit(ctx, o)
	if err != nil {
		return err
	}
	report, err := quota.FitOf(s, q, catalogue, a.lang)
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}
