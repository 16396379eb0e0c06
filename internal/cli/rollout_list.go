package cli

import (
	"context"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// mostLooks bounds at how many rollouts a list looks for what someone else has
// changed of them: each costs up to four requests, and a list makes at most twenty.
const mostLooks = 4

// runRolloutList lists what is under way.
func (a *app) runRolloutList(ctx context.Context, o rolloutListOptions) error {
	c, err := a.connectRollouts()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	scope := finding.Scope{Context: c.context, Namespace: c.namespace}
	if o.allNamespaces {
		scope.Namespace = ""
	}
	records, missed, err := c.records(ctx, scope.Namespace)
	if err != nil {
		return err
	}
	var all []render.Rollout
	looks := 0
	for _, r := range records {
		if !r.underWay() {
			continue
		}
		missed = append(missed, r.notChecked()...)
		d := rollout.Event{Time: c.client.Now()}
		if r.State.Last != nil {
			d.Reachable = r.State.Last.Reachable
		}
		v := r.view(nil, d)
		if r.left() { // a driver sees for itself
			looks++
			why := a.t("rollout.list-not-looked", "n", mostLooks, "command", commandTail(r.Ref))
			if looks <= mostLooks {
				v.Drift, why = c.driftOf(ctx, r.State)
			}
			if why != "" {
				missed = append(missed, finding.NotChecked{What: a.t("rollout.asked-drift", "workload", r.Ref.String(), "namespace", r.Ref.Namespace), Why: why})
			}
		}
		all = append(all, v)
	}
	a.sayRequests(c.cluster)
	return render.WriteRolloutList(a.Streams.Out, render.NewRolloutList(c.client.Now(), scope, all, missed), a.render(o.output))
}

// driftOf looks at the managed objects alone; why says why they could not be read.
func (c *rollouts) driftOf(ctx context.Context, s *rollout.State) (found *rollout.DriftError, why string) {
	w, err := c.client.Written(ctx, s)
	if err != nil {
		return nil, reasonOf(err)
	}
	return c.drift(ctx, s, w), ""
}
