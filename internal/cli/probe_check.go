package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// probeCheckFlags is what was typed.
type probeCheckFlags struct {
	*readFlags
	set       []string
	timeline  bool
	container string
}

// probeCheckOptions is what will run.
type probeCheckOptions struct {
	readOptions
	set       []probe.Change
	timeline  bool
	container string
}

func newProbeCheck(a *app, runF func(context.Context, probeCheckOptions) error) *cobra.Command {
	f := &probeCheckFlags{readFlags: newReadFlags(failOn(finding.Error))}
	cmd := &cobra.Command{
		Use:               "check [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("probe.check.short"),
		Long:              a.t("probe.check.long"),
		Example:           a.t("probe.check.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE:              runs(func(_ *cobra.Command, args []string) (probeCheckOptions, error) { return f.options(a, args) }, a.runProbeCheck, runF),
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "")
	cmd.Flags().BoolVar(&f.timeline, "timeline", false, "")
	cmd.Flags().StringVarP(&f.container, "container", "c", "", "")
	return cmd
}

// options checks what was typed, without looking at any cluster.
func (f *probeCheckFlags) options(a *app, args []string) (probeCheckOptions, error) {
	o := probeCheckOptions{timeline: f.timeline, container: f.container}
	var err error
	if o.readOptions, err = f.readFlags.options(a, args, parseAnySelection); err != nil {
		return o, err
	}
	for _, text := range f.set {
		change, err := probe.ParseChange(text)
		if err != nil {
			return o, badChange(err)
		}
		o.set = append(o.set, change)
	}
	if f.container != "" && !f.timeline {
		return o, usage("error.container-without-timeline")
	}
	return o, nil
}

// badChange says what is wrong with a --set.
func badChange(err error) error {
	var bad *probe.ChangeError
	if !errors.As(err, &bad) {
		return err
	}
	var fields []string
	for _, f := range probe.Fields() {
		fields = append(fields, string(f))
	}
	near := ""
	if bad.Trouble == probe.BadField {
		near = nearest(bad.Detail, fields)
	}
	return usage("error.set-"+string(bad.Trouble), "set", bad.Text, "detail", bad.Detail, "near", near, "fields", fields)
}

// whichContainer says that a timeline needs one container.
func whichContainer(err error) error {
	var which *probe.ContainerError
	if !errors.As(err, &which) {
		return err
	}
	var names []string
	for _, c := range which.Containers {
		names = append(names, c.String()+" -c "+c.Container)
	}
	return usage("error.which-container", "asked", which.Asked, "containers", names)
}

func (a *app) runProbeCheck(ctx context.Context, o probeCheckOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.see(ctx, o.readOptions, probeCheckPlan)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := probe.Check(s, probe.Query(q), probe.Options{
		Lang: a.lang, Catalogue: catalogue, Set: o.set, Timeline: o.timeline, Container: o.container,
	})
	if err != nil {
		return whichContainer(badChange(err))
	}
	return a.give(report, o.output, o.verdict)
}
