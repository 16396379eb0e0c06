package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

func parseQuotaCheck(t *testing.T, args ...string) (quotaCheckOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got quotaCheckOptions
	cmd := newQuotaCheck(a, func(_ context.Context, o quotaCheckOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"check"}, args...))
	return got, root.ExecuteContext(t.Context())
}

func TestQuotaCheckFlagsToOptions(t *testing.T) {
	options := func(change func(*quotaCheckOptions)) quotaCheckOptions {
		o := quotaCheckOptions{files: []string{"a.yaml"}, askServer: true, output: outputValue{format: render.Table}, verdict: verdictOptions{failOn: "error"}}
		change(&o)
		return o
	}
	for _, c := range []struct {
		args []string
		want quotaCheckOptions
	}{
		{[]string{"-f", "a.yaml"}, options(func(*quotaCheckOptions) {})},
		{[]string{"-f", "a.yaml", "-f", "-", "-n", "shop"}, options(func(o *quotaCheckOptions) { o.files, o.namespace = []string{"a.yaml", "-"}, "shop" })},
		{[]string{"-f", "a.yaml", "--local", "--strict"}, options(func(o *quotaCheckOptions) { o.local, o.verdict.strict = true, true })},
		{[]string{"-f", "a.yaml", "--snapshot", "s.yaml", "-o", "json"}, options(func(o *quotaCheckOptions) { o.snapshot, o.output.format = "s.yaml", render.JSON })},
		{[]string{"-f", "a.yaml", "--ask-server=false", "--fail-on", "none", "--save-snapshot", "s"}, options(func(o *quotaCheckOptions) { o.askServer, o.verdict.failOn, o.save = false, failNever, "s" })},
	} {
		got, err := parseQuotaCheck(t, c.args...)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(quotaCheckOptions{}, outputValue{}, verdictOptions{})); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", c.args, err, diff)
		}
	}
}

func TestQuotaCheckRefusesWrongUsage(t *testing.T) {
	for id, args := range map[string][]string{
		"quota.error.no-manifests":       {},
		"quota.error.local-and-snapshot": {"-f", "a", "--local", "--snapshot", "s"},
		"quota.error.nothing-to-save":    {"-f", "a", "--local", "--save-snapshot", "s"},
		"error.flag-needs-value":         {"-f", ""},
		"error.bad-namespace":            {"-f", "a", "-n", "Shop"},
		"error.no-arguments":             {"a.yaml"},
		"error.flag-not-allowed":         {"-f", "a", "--fail-on", "bad"},
	} {
		_, err := parseQuotaCheck(t, args...)
		var wrong *usageError
		if !errors.As(err, &wrong) || wrong.id != id {
			t.Errorf("%q: %v, want %s", args, err, id)
		}
	}
}
