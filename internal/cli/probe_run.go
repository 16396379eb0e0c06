package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe/run"
)

// Bounds of what one run may ask: it is a look, and no load.
const (
	mostSamples  = 1000
	defaultPods  = 3
	leastBetween = 50 * time.Millisecond
)

// probeRunFlags is what was typed.
type probeRunFlags struct {
	*readFlags
	probeRunBounds
}

// probeRunBounds say how much is asked, and by what means.
type probeRunBounds struct {
	samples   int
	interval  time.Duration
	pods      int
	container string
	exec      bool
	helper    bool
	image     string
}

// probeRunOptions is what will run.
type probeRunOptions struct {
	readOptions
	probeRunBounds
}

func newProbeRun(a *app, runF func(context.Context, probeRunOptions) error) *cobra.Command {
	f := &probeRunFlags{readFlags: newReadFlags(failOn(finding.Error))}
	cmd := &cobra.Command{
		Use:               "run [TYPE NAME | TYPE/NAME ...]",
		Short:             a.t("probe.run.short"),
		Long:              a.t("probe.run.long"),
		Example:           a.t("probe.run.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE:              runs(func(_ *cobra.Command, args []string) (probeRunOptions, error) { return f.options(a, args) }, a.runProbeRun, runF),
	}
	f.add(cmd)
	fs := cmd.Flags()
	fs.Lookup("filename").Hidden = true // refused in words of its own
	fs.IntVar(&f.samples, "samples", 1, "")
	fs.DurationVar(&f.interval, "interval", 200*time.Millisecond, "")
	fs.IntVar(&f.pods, "pods", defaultPods, "")
	fs.StringVarP(&f.container, "container", "c", "", "")
	fs.BoolVar(&f.exec, "exec", false, "")
	fs.BoolVar(&f.helper, "helper", false, "")
	fs.StringVar(&f.image, "helper-image", run.HelperImage, "")
	return cmd
}

// options checks what was typed, without looking at any cluster.
func (f *probeRunFlags) options(a *app, args []string) (probeRunOptions, error) {
	o := probeRunOptions{probeRunBounds: f.probeRunBounds}
	var err error
	if o.readOptions, err = f.readFlags.options(a, args, parseAnySelection); err != nil {
		return o, err
	}
	switch {
	case len(f.files) > 0:
		return o, usage("error.run-needs-cluster")
	case f.samples < 1 || f.samples > mostSamples:
		return o, usage("error.run-samples", "n", f.samples, "most", mostSamples)
	case f.interval < leastBetween:
		return o, usage("error.run-interval", "given", f.interval.String(), "least", leastBetween.String())
	case f.pods < 0:
		return o, usage("error.run-pods", "n", f.pods)
	case f.image == "":
		return o, usage("error.flag-needs-value", "flag", "--helper-image", "type", "image")
	}
	return o, nil
}

// bounds are those that the choice of questions knows.
func (b probeRunBounds) bounds() probe.Bounds {
	return probe.Bounds{Pods: b.pods, Container: b.container}
}
