package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func newApp(t *testing.T, l lang.Lang) *app {
	t.Helper()
	texts, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	streams, _, _ := term.Test("")
	a := &app{Env: Env{Streams: streams, Getenv: func(string) string { return "" }, Now: time.Now}, lang: l, texts: texts}
	a.global = newGlobalFlags(l)
	return a
}

// parseInspect runs the command line of inspect up to the point where it would run.
func parseInspect(t *testing.T, args ...string) (inspectOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got inspectOptions
	cmd := newInspect(a, func(_ context.Context, o inspectOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"inspect"}, args...))
	err := root.ExecuteContext(t.Context())
	return got, err
}

func TestInspectFlagsToOptions(t *testing.T) {
	deploy := func(name string) finding.Ref { return finding.Ref{Kind: "Deployment", Name: name} }
	defaults := func(change func(*inspectOptions)) inspectOptions {
		o := inspectOptions{readOptions: readOptions{output: outputValue{format: render.Table}, verdict: verdictOptions{failOn: failNever}}}
		change(&o)
		return o
	}
	cases := []struct {
		args []string
		want inspectOptions
	}{
		{nil, defaults(func(*inspectOptions) {})},
		{[]string{"deploy/web"}, defaults(func(o *inspectOptions) { o.selection.objects = []finding.Ref{deploy("web")} })},
		{[]string{"Deployment", "web", "api"}, defaults(func(o *inspectOptions) { o.selection.objects = []finding.Ref{deploy("web"), deploy("api")} })},
		{[]string{"deployments.apps/web", "svc/web"}, defaults(func(o *inspectOptions) {
			o.selection.objects = []finding.Ref{deploy("web"), {Kind: "Service", Name: "web"}}
		})},
		{[]string{"svc,deploy", "web"}, defaults(func(o *inspectOptions) {
			o.selection.objects = []finding.Ref{{Kind: "Service", Name: "web"}, deploy("web")}
		})},
		{[]string{"svc,po", "-l", "app=web", "-A"}, defaults(func(o *inspectOptions) {
			o.selection.kinds, o.selector, o.allNamespaces = []snapshot.Kind{"Service", "Pod"}, "app=web", true
		})},
		{[]string{"-n", "shop", "-f", "a", "-f", "-", "--save-snapshot", "s.yaml"}, defaults(func(o *inspectOptions) {
			o.namespace, o.files, o.save = "shop", []string{"a", "-"}, "s.yaml"
		})},
		{[]string{"-o", "jsonpath={.verdict}", "--fail-on=warning", "--strict"}, defaults(func(o *inspectOptions) {
			o.output = outputValue{format: render.JSONPath, template: "{.verdict}"}
			o.verdict = verdictOptions{failOn: "warning", strict: true}
		})},
	}
	for _, c := range cases {
		got, err := parseInspect(t, c.args...)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(viewFlags{}, inspectOptions{}, readOptions{}, selection{}, outputValue{}, verdictOptions{})); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"deploy/web", "web"}, {"deploy/"}, {"/web"}, {"po,foo_bar"}, {"deploy/web", "-l", "a"}, {"deploy", "web", "-A"},
		{"-l", "a in (b"}, {"-n", "UPPER"}, {"-f", ""}, {"--timeout", "-1s"}, {"-o", "jsonpath="}, {"deploy/.."},
	} {
		var wrong *usageError
		if _, err := parseInspect(t, args...); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestQueryPutsOnlyNamespacedObjectsIntoTheNamespace(t *testing.T) {
	s, err := parseSelection([]string{"pod/web", "node/n1"})
	if err != nil {
		t.Fatal(err)
	}
	want := inspect.Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Pod", Namespace: "shop", Name: "web"}, {Kind: "Node", Name: "n1"}}}
	if diff := cmp.Diff(want, s.query("shop", "")); diff != "" {
		t.Error(diff)
	}
}

func TestVerdict(t *testing.T) {
	report := func(notChecked int, severities ...finding.Severity) finding.Report {
		r := finding.Report{NotChecked: make([]finding.NotChecked, notChecked)}
		for _, s := range severities {
			r.Findings = append(r.Findings, finding.Finding{Severity: s})
		}
		return r
	}
	cases := []struct {
		failOn failOn
		strict bool
		report finding.Report
		want   int
	}{
		{"none", false, report(1, finding.Error), exitDone},
		{"error", false, report(0, finding.Warning, finding.Info), exitDone},
		{"error", false, report(0, finding.Info, finding.Error), exitFindings},
		{"warning", false, report(0, finding.Error), exitFindings},
		{"info", false, report(0, finding.Info), exitFindings},
		{"info", false, report(0), exitDone},
		{"none", true, report(1), exitNotChecked},
		{"none", true, report(0, finding.Error), exitDone},
		{"error", true, report(1, finding.Error), exitFindings},
		{"error", true, report(1, finding.Warning), exitNotChecked},
	}
	a := newApp(t, lang.English)
	for _, c := range cases {
		if got := a.exit(verdictOptions{c.failOn, c.strict}.judge(c.report)); got != c.want {
			t.Errorf("--fail-on %s, strict %v, %+v: %d, want %d", c.failOn, c.strict, c.report, got, c.want)
		}
	}
}
