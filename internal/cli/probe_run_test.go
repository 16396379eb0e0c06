package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe/run"
)

// parseProbeRun runs the command line up to the point where it would run.
func parseProbeRun(t *testing.T, args ...string) (probeRunOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got probeRunOptions
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newProbeRun(a, func(_ context.Context, o probeRunOptions) error { got = o; return nil }))
	root.SetArgs(append([]string{"run"}, args...))
	err := root.ExecuteContext(t.Context())
	return got, err
}

// Nothing is written, and no command run, unless that was asked for.
func TestProbeRunFlagsToOptions(t *testing.T) {
	defaults := probeRunBounds{samples: 1, interval: 200 * time.Millisecond, pods: 3, image: run.HelperImage}
	for _, c := range []struct {
		args []string
		want func(*probeRunBounds)
	}{
		{nil, func(*probeRunBounds) {}},
		{[]string{"--samples", "50", "--interval", "1s"}, func(b *probeRunBounds) { b.samples, b.interval = 50, time.Second }},
		{[]string{"--exec", "--helper", "--helper-image", "a/b:1"}, func(b *probeRunBounds) { b.exec, b.helper, b.image = true, true, "a/b:1" }},
		{[]string{"--pods", "0", "-c", "app"}, func(b *probeRunBounds) { b.pods, b.container = 0, "app" }},
	} {
		want := defaults
		c.want(&want)
		got, err := parseProbeRun(t, append([]string{"deploy/web"}, c.args...)...)
		if err != nil || got.probeRunBounds != want {
			t.Errorf("%q: %+v, %v", c.args, got.probeRunBounds, err)
		}
	}
}

func TestProbeRunRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"-f", "a.yaml"}, {"--samples", "0"}, {"--samples", "1001"}, {"--samples", "x"}, {"--interval", "49ms"}, {"--interval", "-1s"},
		{"--pods", "-1"}, {"--helper-image", ""}, {"deploy/"}, {"-l", "a in (b"},
	} {
		var wrong *usageError
		if _, err := parseProbeRun(t, args...); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
