package plan

import (
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// cluster is a snapshot of the objects, complete but for the kinds that are unknown.
func cluster(t testing.TB, documents string, unknown ...snapshot.Kind) *snapshot.Snapshot {
	t.Helper()
	s, err := ruletest.Snapshot(snapshot.FromCluster, ruletest.Noon(), ruletest.Split(t, []byte(documents)))
	if err != nil {
		t.Fatal(err)
	}
	why := map[snapshot.Kind]string{}
	for _, k := range unknown {
		info, _ := snapshot.Lookup(k)
		why[k] = "forbidden: list " + info.Resource.Resource
	}
	ruletest.Complete(s, why)
	return s
}
