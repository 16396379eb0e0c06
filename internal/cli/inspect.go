package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// failOn is a severity, or none.
type failOn string

const failNever failOn = "none"

// inspectFlags is what was typed.
type inspectFlags struct {
	output        outputValue
	failOn        failOn
	strict        bool
	save          string
	files         []string
	allNamespaces bool
	selector      string
}

// inspectOptions is what will run.
type inspectOptions struct {
	selection     selection
	selector      string
	allNamespaces bool
	// namespace is what -n named, "" where the context's is to be used.
	namespace string
	files     []string
	save      string
	output    outputValue
	verdict   verdictOptions
	views     viewFlags
	// cluster asks about the cluster itself.
	cluster bool
	// traffic is set where one is asked about traffic between two ends.
	traffic *trafficOptions
	// watch goes on; timeout says that one was given, since a watch has none by itself.
	watch, timeout bool
}

func newInspect(a *app, runF func(context.Context, inspectOptions) error) *cobra.Command {
	f := &inspectFlags{output: outputValue{format: render.Table}, failOn: failNever}
	views, traffic := viewFlags{}, trafficFlags{}
	watch := false
	cmd := &cobra.Command{
		Use:               "inspect [TYPE NAME | TYPE/NAME ... | cluster]",
		Short:             a.t("inspect.short"),
		Long:              a.t("inspect.long"),
		Example:           a.t("inspect.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(cmd *cobra.Command, args []string) (inspectOptions, error) {
			cluster := len(args) == 1 && args[0] == "cluster"
			if cluster {
				args = nil
			}
			o, err := f.options(a, args)
			if err != nil {
				return o, err
			}
			o.views, o.watch, o.cluster = views, watch, cluster
			switch {
			case cluster && (watch || traffic.asked() || views != (viewFlags{}) || o.selector != "" || o.allNamespaces):
				err = usage("error.cluster-alone")
			case cluster:
			case traffic.asked():
				err = traffic.into(&o)
			default:
				err = views.check(o.selection, o.selector)
			}
			if err == nil && watch {
				err = checkWatch(cmd, &o)
			}
			return o, err
		}, a.runInspect, runF),
	}
	f.add(cmd)
	views.add(cmd)
	traffic.add(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "")
	return cmd
}

// add gives a command the flags of one that reads objects and reports on them.
func (f *inspectFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(&f.output, "output", "o", "")
	fs.Var(enum(&f.failOn, failOn(finding.Error), failOn(finding.Warning), failOn(finding.Info), failNever), "fail-on", "")
	fs.BoolVar(&f.strict, "strict", false, "")
	fs.StringVar(&f.save, "save-snapshot", "", "")
	fs.StringArrayVarP(&f.files, "filename", "f", nil, "")
	fs.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "")
	fs.StringVarP(&f.selector, "selector", "l", "", "")
}

// options checks what was typed, without looking at any cluster.
func (f *inspectFlags) options(a *app, args []string) (inspectOptions, error) {
	o := inspectOptions{
		selector: f.selector, allNamespaces: f.allNamespaces, namespace: *a.global.config.Namespace,
		files: f.files, save: f.save, output: f.output,
		verdict: verdictOptions{failOn: f.failOn, strict: f.strict},
	}
	if err := a.global.check(); err != nil {
		return o, err
	}
	if err := checkSelector(f.selector); err != nil {
		return o, err
	}
	if o.namespace != "" {
		if err := checkNamespace(o.namespace); err != nil {
			return o, err
		}
	}
	var err error
	if o.selection, err = parseAnySelection(args); err != nil {
		return o, err
	}
	switch named := len(o.selection.objects) > 0; {
	case named && f.selector != "":
		return o, usage("error.name-and-selector")
	case named && f.allNamespaces:
		return o, usage("error.name-and-all-namespaces")
	}
	for _, name := range f.files {
		if name == "" {
			return o, usage("error.flag-needs-value", "flag", "-f/--filename", "type", "file")
		}
	}
	return o, nil
}
