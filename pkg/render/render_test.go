package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func TestParseFormat(t *testing.T) {
	for _, c := range []struct {
		in       string
		format   Format
		template string
		err      string
	}{
		{"", Table, "", ""},
		{"table", Table, "", ""},
		{"wide", Wide, "", ""},
		{"json", JSON, "", ""},
		{"yaml", YAML, "", ""},
		{"name", Name, "", ""},
		{"jsonpath={.verdict}", JSONPath, "{.verdict}", ""},
		{`jsonpath={.findings[?(@.severity=="error")].rule}`, JSONPath, `{.findings[?(@.severity=="error")].rule}`, ""},
		{"jsonpath", "", "", "needs a template"},
		{"jsonpath=", "", "", "needs a template"},
		{"jsonpath={.findings[}", "", "", `jsonpath template "{.findings[}": `},
		{"json=x", "", "", `output format "json" takes no value: use table, wide, json, yaml, name or jsonpath=TEMPLATE`},
		{"=x", "", "", "unknown output format"},
		{"JSON", "", "", "unknown output format"},
		{"csv", "", "", `unknown output format "csv": use table, wide, json, yaml, name or jsonpath=TEMPLATE`},
	} {
		f, template, err := ParseFormat(c.in)
		if f != c.format || template != c.template {
			t.Errorf("ParseFormat(%q) = %q, %q", c.in, f, template)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("ParseFormat(%q): error %v, want %q", c.in, err, c.err)
		}
	}
}

func TestJSONPath(t *testing.T) {
	big := report([]finding.Finding{
		{Rule: "a/one", Severity: finding.Error, Object: ref("Pod", "p"), Count: 1000000},
		{Rule: "b/two", Severity: finding.Info, Object: ref("Pod", "q"), Count: 2},
	}, nil, "pod/p")
	for _, c := range []struct{ template, want string }{
		{"{.verdict}", "error"},
		{".verdict", "error"},
		{"verdict", "error"},
		{"{.findings[*].rule}", "a/one b/two"},
		{`{range .findings[*]}{.object.name}{"\n"}{end}`, "p\nq\n"},
		{`{.findings[?(@.severity=="info")].rule}`, "b/two"},
		{"{.findings[0].count}", "1000000"},
		{"{.findings[?(@.count>2)].rule}", "a/one"},
		{"{.findings[0].object.container}", ""},
		{"{.notChecked}", "[]"},
	} {
		if got := write(t, big, Options{Format: JSONPath, Template: c.template}); got != c.want {
			t.Errorf("%s = %q, want %q", c.template, got, c.want)
		}
	}
	var b bytes.Buffer
	err := Write(&b, big, Options{Format: JSONPath, Template: "{.findings[7].rule}"})
	if err == nil || !strings.Contains(err.Error(), "index 7") || b.Len() > 0 {
		t.Errorf("an index beyond the list: error %v, output %q", err, b.String())
	}
}

func TestNames(t *testing.T) {
	container := ref("Deployment", "web")
	container.Container = "app"
	elsewhere := ref("Deployment", "web")
	elsewhere.Namespace = "billing"
	r := report([]finding.Finding{
		{Object: container}, {Object: ref("Service", "web")}, {Object: ref("Deployment", "web")}, {Object: elsewhere},
	}, nil)
	if d := cmp.Diff("deployment/web\nservice/web\ndeployment/web\n", write(t, r, Options{Format: Name})); d != "" {
		t.Error(d)
	}
	if got := write(t, report(nil, nil, "pod/p"), Options{Format: Name}); got != "" {
		t.Errorf("nothing found, yet names: %q", got)
	}
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	for _, f := range fixtures() {
		r := f.report(lang.Korean)
		var fromYAML, fromJSON any
		unmarshal(t, write(t, r, Options{Format: YAML}), &fromYAML)
		unmarshal(t, write(t, r, Options{Format: JSON}), &fromJSON)
		if d := cmp.Diff(fromJSON, fromYAML); d != "" {
			t.Errorf("%s: %s", f.name, d)
		}
	}
}

func TestWritingDoesNotChangeTheReport(t *testing.T) {
	r := manyFindings(lang.English).(finding.Report)
	for _, format := range []Format{Table, Wide, JSON, YAML, Name} {
		write(t, r, Options{Format: format})
		if d := cmp.Diff(manyFindings(lang.English), any(r)); d != "" {
			t.Errorf("%s changed the report: %s", format, d)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe closed") }

func TestWriteErrors(t *testing.T) {
	for _, format := range []Format{Table, Wide, JSON, YAML, Name} {
		if err := Write(broken{}, certainError(lang.English), Options{Format: format}); err == nil || !strings.Contains(err.Error(), "pipe closed") {
			t.Errorf("%s: error %v", format, err)
		}
	}
	if err := WriteTable(broken{}, []string{"A"}, [][]string{{"b"}}, Options{}); err == nil {
		t.Error("WriteTable: no error")
	}
	if err := Write(&bytes.Buffer{}, "text", Options{}); err == nil || !strings.Contains(err.Error(), "string is not a report") {
		t.Errorf("not a report: error %v", err)
	}
	if err := Write(&bytes.Buffer{}, finding.Report{}, Options{Format: "csv"}); err == nil || !strings.Contains(err.Error(), "use table") {
		t.Errorf("unknown format: error %v", err)
	}
}

func TestPointerToReport(t *testing.T) {
	r := certainError(lang.English).(inspect.Report)
	for _, format := range []Format{Table, JSON} {
		if d := cmp.Diff(write(t, r, Options{Format: format}), write(t, &r, Options{Format: format})); d != "" {
			t.Errorf("%s: %s", format, d)
		}
	}
}
