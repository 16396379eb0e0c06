package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// parseProbeCheck runs the command line up to the point where it would run.
func parseProbeCheck(t *testing.T, args ...string) (probeCheckOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got probeCheckOptions
	cmd := newProbeCheck(a, func(_ context.Context, o probeCheckOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"check"}, args...))
	err := root.ExecuteContext(t.Context())
	return got, err
}

func TestProbeCheckFlagsToOptions(t *testing.T) {
	defaults := func(change func(*probeCheckOptions)) probeCheckOptions {
		o := probeCheckOptions{readOptions: readOptions{output: outputValue{format: render.Table}, verdict: verdictOptions{failOn: failOn(finding.Error)}}}
		change(&o)
		return o
	}
	for _, c := range []struct {
		args []string
		want probeCheckOptions
	}{
		{nil, defaults(func(*probeCheckOptions) {})},
		{[]string{"deploy/web", "--set", "liveness.periodSeconds=5", "--set", "app:startup.failureThreshold=30"}, defaults(func(o *probeCheckOptions) {
			o.selection.objects = []finding.Ref{{Kind: "Deployment", Name: "web"}}
			o.set = []probe.Change{{Type: probe.Liveness, Field: probe.Period, Value: 5}, {Container: "app", Type: probe.Startup, Field: probe.FailureThreshold, Value: 30}}
		})},
		{[]string{"--timeline", "-c", "app", "--fail-on", "none", "-f", "a.yaml"}, defaults(func(o *probeCheckOptions) {
			o.timeline, o.container, o.files, o.verdict.failOn = true, "app", []string{"a.yaml"}, failNever
		})},
	} {
		got, err := parseProbeCheck(t, c.args...)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(probeCheckOptions{}, readOptions{}, selection{}, outputValue{}, verdictOptions{})); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
	}
}

func TestProbeCheckRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--set", "liveness"}, {"--set", "lifeness.periodSeconds=1"}, {"--set", "liveness.period=1"}, {"--set", "liveness.periodSeconds=x"},
		{"--set", ""}, {"-c", "app"}, {"deploy/"}, {"-l", "a in (b"},
	} {
		var wrong *usageError
		if _, err := parseProbeCheck(t, args...); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Each refusal has a text in every language.
func TestRefusedChangesHaveTexts(t *testing.T) {
	for _, l := range lang.All() {
		a := newApp(t, l)
		for _, trouble := range []probe.Trouble{probe.BadForm, probe.BadProbe, probe.BadField, probe.BadValue, probe.NoProbe} {
			var wrong *usageError
			if err := badChange(&probe.ChangeError{Text: "a", Trouble: trouble, Detail: "b"}); !errors.As(err, &wrong) || a.texts[wrong.id].Empty() {
				t.Errorf("%s: %s: %v", l, trouble, err)
			}
		}
		for _, e := range []*probe.ContainerError{{}, {Asked: "x"}, {Containers: []finding.Ref{{Kind: "Pod", Name: "p", Container: "c"}}}} {
			var wrong *usageError
			if err := whichContainer(e); !errors.As(err, &wrong) || a.texts[wrong.id].Empty() {
				t.Errorf("%s: %v: %v", l, e, err)
			}
		}
	}
}
