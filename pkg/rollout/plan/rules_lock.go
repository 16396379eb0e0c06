package plan

import (
	"strconv"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func (d *draft) checkLockHeld() []finding.Finding {
	h := d.in.Holder
	if h == nil || !h.Driving {
		return nil
	}
	since := h.Since.UTC().Format(time.RFC3339)
	return []finding.Finding{d.found(
		map[string]any{"holder": h.Name, "since": since, "phase": string(h.Phase)},
		finding.Evidence{Object: "lease of " + d.w.ref.String(), Path: "spec.holderIdentity", Value: h.Name},
	)}
}

// checkAbandoned: a rollout that nobody drives; its journal says what is to be
// put back. Without a journal, the hold itself or the mark tells of one.
func (d *draft) checkAbandoned() []finding.Finding {
	if h := d.in.Holder; h != nil {
		if h.Driving {
			return nil
		}
		args := map[string]any{"holder": h.Name, "since": h.Since.UTC().Format(time.RFC3339), "phase": string(h.Phase), "journal": true}
		return []finding.Finding{d.found(args, finding.Evidence{Object: "journal of " + d.w.ref.String(), Path: "phase", Value: string(h.Phase)})}
	}
	args := map[string]any{"holder": "", "since": "", "phase": "", "journal": false}
	if dep := d.w.deployment; dep != nil && dep.Spec.MinReadySeconds == rollout.NeverAvailable {
		return []finding.Finding{d.found(args, d.seen("spec.minReadySeconds", strconv.Itoa(rollout.NeverAvailable)))}
	}
	if token, marked := d.w.meta.Labels[rollout.Mark]; marked {
		return []finding.Finding{d.found(args, d.seen("metadata.labels["+rollout.Mark+"]", token))}
	}
	return nil
}
