package quota

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// visits are the namespaces of a scope as admission sees them. The rules of one
// audit share them, so that what would become of a workload's next pod is
// worked out once.
type visits struct {
	s     *snapshot.Snapshot
	scope *rule.Scope
	all   []visited
}

type visited struct {
	space *Space
	works []Work
}

// inSpaces visits the workloads of the scope with their namespace's rules.
func (v *visits) inSpaces(s *snapshot.Snapshot, sc *rule.Scope, do func(space *Space, w Work)) {
	if v.s != s || v.scope != sc {
		v.s, v.scope, v.all = s, sc, nil
		for _, ns := range sc.Targets {
			space := NewSpace(RulesFor(s, ns.Name), s.TakenAt)
			space.known = map[finding.Ref]Outcome{}
			v.all = append(v.all, visited{space, worksIn(s, sc, ns.Name)})
		}
	}
	for _, one := range v.all {
		for _, w := range one.works {
			do(one.space, w)
		}
	}
}
