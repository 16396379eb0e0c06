package cli

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// readFlags is what was typed of the flags of a command that reads objects and
// reports on them.
type readFlags struct {
	output        outputValue
	failOn        failOn
	strict        bool
	save          string
	files         []string
	allNamespaces bool
	selector      string
}

// readOptions is what they come to.
type readOptions struct {
	selection     selection
	selector      string
	allNamespaces bool
	// namespace is what -n named, "" where the context's is to be used.
	namespace string
	files     []string
	save      string
	output    outputValue
	verdict   verdictOptions
}

// newReadFlags has findings of this severity, unless something else is typed, end with 3.
func newReadFlags(fail failOn) *readFlags {
	return &readFlags{output: outputValue{format: render.Table}, failOn: fail}
}

func (f *readFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(&f.output, "output", "o", "")
	fs.Var(enum(&f.failOn, failOn(finding.Error), failOn(finding.Warning), failOn(finding.Info), failNever), "fail-on", "")
	fs.BoolVar(&f.strict, "strict", false, "")
	fs.StringVar(&f.save, "save-snapshot", "", "")
	fs.StringArrayVarP(&f.files, "filename", "f", nil, "")
	fs.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "")
	fs.StringVarP(&f.selector, "selector", "l", "", "")
}

// options checks what was typed, without looking at any cluster. parse reads the arguments.
func (f *readFlags) options(a *app, args []string, parse func([]string) (selection, error)) (readOptions, error) {
	o := readOptions{
		selector: f.selector, allNamespaces: f.allNamespaces, namespace: *a.global.config.Namespace,
		files: f.files, save: f.save, output: f.output, verdict: verdictOptions{failOn: f.failOn, strict: f.strict},
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
	if o.selection, err = parse(args); err != nil {
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

// saveSnapshot does what --save-snapshot says, which may be nothing.
func (a *app) saveSnapshot(path string, s *snapshot.Snapshot) error {
	if path == "" {
		return nil
	}
	return file.WriteFile(path, s)
}
