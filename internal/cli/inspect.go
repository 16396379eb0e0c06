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
}

func newInspect(a *app, runF func(context.Context, inspectOptions) error) *cobra.Command {
	f := &inspectFlags{output: outputValue{format: render.Table}, failOn: failNever}
	views := viewFlags{}
	cmd := &cobra.Command{
		Use:               "inspect [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("inspect.short"),
		Long:              a.t("inspect.long"),
		Example:           a.t("inspect.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(_ *cobra.Command, args []string) (inspectOptions, error) {
			o, err := f.options(a, args)
			if err == nil {
				err = views.check(o.selection, o.selector)
			}
			o.views = views
			return o, err
		}, a.runInspect, runF),
	}
	f.add(cmd)
	views.add(cmd)
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
	completeFlags(cmd)
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
