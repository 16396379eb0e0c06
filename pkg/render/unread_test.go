package render

import (
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// A view of what could not be read says so, and neither that there is nothing nor nothing at all.
func TestViewsOfWhatCouldNotBeRead(t *testing.T) {
	refused := []finding.NotChecked{{What: `get deployments.apps "web" in namespace shop`, Why: "forbidden"}}
	base := report(nil, refused, "deployment/web")
	for name, r := range map[string]any{
		"learn": inspect.LearnReport{Report: base}, "diff": inspect.DiffReport{Report: base}, "map": calls.Report{Report: base}, "cluster": inspect.ClusterReport{Report: base},
	} {
		for l, said := range map[lang.Lang]string{lang.English: "could not be read", lang.Korean: "읽지 못"} {
			head, _, _ := strings.Cut(write(t, r, Options{Lang: l}), "\n")
			if !strings.Contains(head, said) {
				t.Errorf("%s in %s begins with %q", name, l, head)
			}
		}
	}
	if out := write(t, inspect.LearnReport{Report: report(nil, nil, "lease/x")}, Options{Lang: lang.English}); !strings.Contains(out, "no lesson on lease/x") {
		t.Errorf("of a kind without a lesson it says %q", out)
	}
}
