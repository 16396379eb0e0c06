package quota

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Dry runs that were not made for the same reason are one line.
func TestUnaskedTogether(t *testing.T) {
	of := func(name, why string, pod bool) Rehearsal {
		return Rehearsal{Object: finding.Ref{Kind: "Deployment", Namespace: "shop", Name: name}, Pod: pod, Unasked: why}
	}
	all := []Rehearsal{of("a", "no", false), of("a", "no", true), of("b", "no", false), of("asked", "", false), of("c", "no", false), of("d", "no", false), of("e", "timed out", false)}
	got := unasked(lang.English, all, func(why string) string { return why })
	want := []finding.NotChecked{
		{What: "dry runs of deployment/a, deployment/b, deployment/c and 1 more by the API server", Why: "no"},
		{What: "a dry run of the first pod of deployment/a by the API server", Why: "no"},
		{What: "a dry run of deployment/e by the API server", Why: "timed out"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
