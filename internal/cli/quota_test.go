package cli

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
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

func parseHeadroom(t *testing.T, args ...string) (quotaOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got quotaOptions
	cmd := newQuotaHeadroom(a, func(_ context.Context, o quotaOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"headroom"}, args...))
	return got, root.ExecuteContext(t.Context())
}

func TestQuotaHeadroomFlagsToOptions(t *testing.T) {
	got, err := parseHeadroom(t, "deploy/web", "sts/db", "-n", "shop", "--fail-on", "error", "--save-snapshot", "s")
	want := []string{"deployment/web", "statefulset/db"}
	if err != nil || len(got.selection.objects) != 2 || got.selection.objects[0].String() != want[0] || got.selection.objects[1].String() != want[1] ||
		got.namespace != "shop" || got.verdict.failOn != "error" || got.save != "s" {
		t.Errorf("%+v, %v", got, err)
	}
	if q := got.query("shop"); q.Namespace != "shop" || q.Targets[1].Namespace != "shop" {
		t.Errorf("%+v", q)
	}
	if got, err = parseHeadroom(t, "-A", "-l", "app=web"); err != nil || got.query("shop").Namespace != "" || got.query("").Selector != "app=web" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestQuotaHeadroomRefusesWrongUsage(t *testing.T) {
	for id, args := range map[string][]string{
		"quota.error.not-a-workload":    {"svc/web"},
		"quota.error.name-a-workload":   {"deploy"},
		"error.name-and-selector":       {"deploy/web", "-l", "a=b"},
		"error.name-and-all-namespaces": {"deploy/web", "-A"},
		"error.bad-selector":            {"-l", "a==="},
		"error.flag-needs-value":        {"-f", ""},
	} {
		_, err := parseHeadroom(t, args...)
		var wrong *usageError
		if !errors.As(err, &wrong) || wrong.id != id {
			t.Errorf("%q: %v, want %s", args, err, id)
		}
	}
}

func parseAudit(t *testing.T, args ...string) (quotaAuditOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got quotaAuditOptions
	cmd := newQuotaAudit(a, func(_ context.Context, o quotaAuditOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"audit"}, args...))
	return got, root.ExecuteContext(t.Context())
}

func TestQuotaAuditFlagsToOptions(t *testing.T) {
	for _, c := range []struct {
		args []string
		by   quota.Grouping
		sort quota.Order
		top  int
	}{
		{nil, quota.ByWorkload, quota.ByName, 0},
		{[]string{"-A"}, quota.ByNamespace, quota.ByName, 0},
		{[]string{"-A", "--by", "workload"}, quota.ByWorkload, quota.ByName, 0},
		{[]string{"--by", "label=app.kubernetes.io/name", "--explain", "--basis", "quota"}, quota.ByLabel, quota.ByName, 0},
		{[]string{"--by", "container", "--sort", "cpu-usage", "--top", "5"}, quota.ByContainer, quota.ByCPUUsage, 5},
	} {
		got, err := parseAudit(t, c.args...)
		if err != nil || got.view.By != c.by || got.sort != c.sort || got.top != c.top || got.verdict.failOn != "error" || !got.usage {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
	for id, args := range map[string][]string{
		"error.flag-not-allowed": {"--sort", "size"},
		"error.flag-invalid":     {"--top", "-1"},
		"error.no-arguments":     {"deploy/web"},
		"error.bad-selector":     {"-l", "a==="},
	} {
		_, err := parseAudit(t, args...)
		var wrong *usageError
		if !errors.As(err, &wrong) || wrong.id != id {
			t.Errorf("%q: %v, want %s", args, err, id)
		}
	}
}

func TestQuotaAuditSaysWhatItGroupsBy(t *testing.T) {
	for _, typed := range []string{"label=", "label=a b", "pods", ""} {
		_, err := parseAudit(t, "--by", typed)
		var wrong *usageError
		if !errors.As(err, &wrong) || wrong.id != "error.flag-not-allowed" || !slices.Contains(wrong.args["allowed"].([]string), "label=KEY") {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
