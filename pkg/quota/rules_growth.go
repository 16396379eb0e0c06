package quota

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// growthRules are those that look ahead: what an update or an autoscaler will
// ask of the quotas. Nodes are left out, because an autoscaler may add some; so
// is what refuses every pod, which other rules tell.
func growthRules() []rule.Rule {
	reads, g := readsAdmission("HorizontalPodAutoscaler"), &growth{}
	return []rule.Rule{
		{ID: "quota/surge-exceeds", Reads: reads, Check: g.rule(func(f finding.Finding) bool {
			return f.Rule == "quota/surge-exceeds" && f.Severity == finding.Error // an update that is merely slower is told by headroom
		})},
		{ID: "quota/hpa-exceeds", Reads: reads, Check: g.rule(func(f finding.Finding) bool {
			return f.Rule == "quota/hpa-exceeds" && f.Args["kind"] == string(BindsQuota) && f.Args["message"] == ""
		})},
	}
}

// growth is what an update or an autoscaler would meet, worked out once for all rules.
type growth struct {
	s     *snapshot.Snapshot
	scope *rule.Scope
	found []finding.Finding
}

func (g *growth) rule(take func(finding.Finding) bool) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		if g.s != s || g.scope != sc {
			g.s, g.scope, g.found = s, sc, grown(s, sc)
		}
		var out []finding.Finding
		for _, f := range g.found {
			if take(f) {
				out = append(out, f)
			}
		}
		return out
	}
}

func grown(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	h := &headroom{s: s, spaces: map[string]*Space{}}
	var scalable []Work
	for _, w := range works(s, sc) {
		if w.Ref.Kind == "Deployment" || w.Ref.Kind == "StatefulSet" || w.Ref.Kind == "ReplicaSet" {
			scalable = append(scalable, w)
			h.of(w)
		}
	}
	h.together(scalable)
	return h.found
}
