package render

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// TestAnyStrings: whatever strings a report holds, every format comes out,
// nothing in the text drives a terminal, and YAML says what JSON says.
func TestAnyStrings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := anyReport(rt)
		o := Options{
			Lang:  rapid.SampledFrom(lang.All()).Draw(rt, "lang"),
			Width: rapid.SampledFrom([]int{0, 1, 60, 80, 200}).Draw(rt, "width"),
			ASCII: rapid.Bool().Draw(rt, "ascii"),
		}
		out := map[Format]string{}
		for _, o.Format = range []Format{Table, Wide, JSON, YAML, Name} {
			var b bytes.Buffer
			if err := Write(&b, r, o); err != nil {
				rt.Fatalf("%s: %v", o.Format, err)
			}
			out[o.Format] = b.String()
			if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
				rt.Fatalf("%s: %q is in the output", o.Format, b.String()[i:])
			}
		}
		var fromJSON, fromYAML any
		unmarshal(t, out[JSON], &fromJSON)
		unmarshal(t, out[YAML], &fromYAML)
		if d := cmp.Diff(fromJSON, fromYAML); d != "" {
			rt.Fatal(d)
		}
	})
}

func anyReport(rt *rapid.T) inspect.Report {
	text := func(name string) string {
		return rapid.OneOf(rapid.String(), rapid.StringMatching(`(한국어|word|\x1b\[2J|\n|\t|→| |\x{202e}|0123456789){0,40}`)).Draw(rt, name)
	}
	object := finding.Ref{Kind: text("kind"), Namespace: text("namespace"), Name: text("name"), Container: text("container")}
	f := finding.Finding{
		Rule: text("rule"), Severity: finding.Severity(text("severity")), Confidence: finding.Confidence(text("confidence")), Object: object,
		Count: rapid.Int().Draw(rt, "count"), Chain: []string{text("chain"), text("chain")}, Title: text("title"), Why: text("why"),
		Evidence: []finding.Evidence{{Object: text("object"), Path: text("path"), Value: text("value")}, {Object: text("object"), Path: "log", Value: text("log")}},
		Explains: []finding.Symptom{{Rule: text("rule"), Object: object, Title: text("title")}},
		Fix:      []finding.Fix{{Text: text("fix"), Command: text("command")}},
	}
	o := inspect.Object{
		Object: object, Health: inspect.Health(text("health")), Status: text("status"), Summary: text("summary"),
		Related: []inspect.Link{{Relation: inspect.Relation(text("relation")), Object: object, Health: inspect.Unwell, Note: text("note")}},
		Compare: []inspect.Comparison{{What: text("what"), Desired: text("desired"), Observed: text("observed")}},
	}
	r := inspect.Report{Report: report(nil, []finding.NotChecked{{What: text("what"), Why: text("why")}}, text("target")), Objects: []inspect.Object{o}}
	if rapid.Bool().Draw(rt, "found") {
		r.Findings = []finding.Finding{f}
	}
	return r
}
