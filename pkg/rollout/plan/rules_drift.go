package plan

import (
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

const driftID = "rollout/drift"

// checkDrift: a rollout that nobody drives would stop as soon as somebody did.
func (d *draft) checkDrift() []finding.Finding {
	if h := d.in.Holder; h != nil && !h.Driving && h.Drift != nil {
		return []finding.Finding{drifted(d.w.ref, *h.Drift)}
	}
	return nil
}

// Drifted is what to say of a rollout that nobody drives and whose fields someone else has changed.
func Drifted(w rollout.Ref, d rollout.DriftError, o Options) []finding.Finding {
	f := drifted(w, d)
	f.Rule = driftID
	return rule.Diagnose(rule.NewScope(asFinding(w)), []finding.Finding{f}, o.Catalogue, o.Lang)
}

func drifted(w rollout.Ref, d rollout.DriftError) finding.Finding {
	field := strings.ReplaceAll(strings.TrimPrefix(string(d.Path), "/"), "/", ".")
	at := ""
	if !d.At.IsZero() {
		at = d.At.UTC().Format(time.RFC3339)
	}
	seen := finding.Evidence{Object: d.Object.String(), Path: field, Value: "not as the rollout wrote it"}
	if d.Gone {
		seen.Path, seen.Value = "metadata.uid", "not the one that the rollout wrote to"
	} else if d.Manager != "" {
		seen.Value += "; last written by " + d.Manager
	}
	return finding.Finding{Object: asFinding(d.Object), Evidence: []finding.Evidence{seen}, Args: map[string]any{
		"workload": w.String(), "namespace": w.Namespace, "object": d.Object.String(), "field": field, "manager": d.Manager, "at": at,
	}}
}
