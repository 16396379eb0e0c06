package inspect

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// diagnosis is one look at a scope that answers for several rules: each
// finding names its own.
type diagnosis struct {
	ids   []string
	reads []snapshot.Kind
	needs func(*snapshot.Snapshot, *rule.Scope) snapshot.Needs
	check func(*snapshot.Snapshot, *rule.Scope) []finding.Finding
}

// rules gives each rule its share.
func (d diagnosis) rules() []rule.Rule {
	out := make([]rule.Rule, 0, len(d.ids))
	for _, id := range d.ids {
		out = append(out, rule.Rule{ID: id, Reads: d.reads, Needs: d.needs, Check: func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
			var mine []finding.Finding
			for _, f := range d.check(s, sc) {
				if f.Rule == id {
					mine = append(mine, f)
				}
			}
			return mine
		}})
	}
	return out
}

// seen is one piece of evidence.
func seen(o snapshot.Object, path, value string) finding.Evidence {
	return finding.Evidence{Object: rule.RefTo(o).String(), Path: path, Value: value}
}

// furtherRules are the rules about what lies around workloads and their pods.
func furtherRules() []rule.Rule {
	var all []rule.Rule
	all = append(all, volumeRules()...)
	all = append(all, podRules()...)
	all = append(all, nodeRules()...)
	all = append(all, refusedRules()...)
	all = append(all, stateRules()...)
	all = append(all, jobRules()...)
	all = append(all, trafficRules()...)
	all = append(all, hpaRules()...)
	all = append(all, pdbRules()...)
	all = append(all, ingressRules()...)
	all = append(all, policyRules()...)
	all = append(all, routeRules()...)
	all = append(all, webhookRules()...)
	all = append(all, heldRules()...)
	all = append(all, accessRules()...)
	all = append(all, outsideRules()...)
	return append(all, namespaceRules()...)
}
