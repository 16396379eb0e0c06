package cli

import (
	"context"
	"errors"
	"os"
	"os/user"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/journal"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// record is what is written down of a workload's rollout; nil is nothing.
type record struct{ journal.Record }

// underWay says that a rollout is not over.
func (r *record) underWay() bool { return r != nil && r.Life != journal.Over }

// leads says that somebody drives.
func (r *record) leads() bool { return r.Life == journal.Live }

// left says that nobody drives what is under way.
func (r *record) left() bool { return r.Life == journal.Left || r.Life == journal.Abandoned }

// holder is the record as a plan wants it; nil where nobody holds the workload.
func (r *record) holder() *plan.Holder {
	if !r.underWay() {
		return nil
	}
	h := &plan.Holder{Name: r.Driver, Since: r.Since, Driving: r.leads()}
	if r.State != nil {
		h.Phase = r.State.Phase
	}
	return h
}

// view is the rollout as reports show it, with what was seen of the cluster, if anything.
func (r *record) view(w *rollout.World, d rollout.Event) render.Rollout {
	var driver *render.RolloutDriver
	if r.Driver != "" && r.Life != journal.Unknown {
		driver = &render.RolloutDriver{Name: r.Driver, Leads: r.leads(), Seen: r.Renewed}
	}
	v := render.NewRollout(r.State, w, d, driver)
	v.Abandoned = v.Abandoned && r.Life != journal.Unknown
	return v
}

// notChecked is what is not known because it may not be read.
func (r *record) notChecked() []finding.NotChecked {
	if r.Life != journal.Unknown {
		return nil
	}
	return []finding.NotChecked{{What: "lease/" + journal.Name(r.Ref) + " -n " + r.Ref.Namespace, Why: reasonOf(r.Unread)}}
}

// record reads what is written down of a workload's rollout, for whoever is to act on it and must know who drives.
func (c *rollouts) record(ctx context.Context, w rollout.Ref) (*record, error) {
	r, err := c.glance(ctx, w)
	if err == nil && r != nil && r.Unread != nil {
		return nil, r.Unread
	}
	return r, err
}

// glance is record for whoever only looks.
func (c *rollouts) glance(ctx context.Context, w rollout.Ref) (*record, error) {
	r, err := journal.Open(ctx, c.client, w)
	if err != nil || r == nil {
		return nil, c.reader.Explain(err)
	}
	if r.State == nil {
		return nil, refuse(exitFailed, "rollout.error.broken", "workload", w.String(), "why", r.Broken.Error(), "journal", journal.Name(w))
	}
	return &record{*r}, nil
}

// records reads all of a namespace, or of the cluster where that is empty. Those that cannot be read are named.
func (c *rollouts) records(ctx context.Context, namespace string) ([]*record, []finding.NotChecked, error) {
	all, err := journal.List(ctx, c.client, namespace)
	if err != nil {
		return nil, nil, c.reader.Explain(err)
	}
	var found []*record
	var missed []finding.NotChecked
	for _, r := range all {
		if r.State == nil {
			missed = append(missed, finding.NotChecked{What: "configmap/" + journal.Name(r.Ref) + " -n " + r.Ref.Namespace, Why: r.Broken.Error()})
			continue
		}
		found = append(found, &record{r})
	}
	return found, missed, nil
}

// lead begins a new rollout, or takes over the one that the journal holds where fresh is nil.
func (c *rollouts) lead(ctx context.Context, a *app, w rollout.Ref, fresh *rollout.State) (rollout.Journal, *rollout.State, error) {
	lead, s, err := journal.Lead(ctx, c.client, w, c.me, fresh)
	var underWay *journal.UnderWayError
	switch {
	case errors.As(err, &underWay) && underWay.Record.State != nil: // another began in this moment
		return nil, nil, a.refuseUnderWay(&record{underWay.Record})
	case errors.Is(err, journal.ErrNone):
		return nil, nil, refuse(exitFailed, "rollout.error.none", "workload", w.String(), "namespace", w.Namespace)
	case err != nil:
		return nil, nil, c.reader.Explain(err)
	}
	return lead, s, nil
}

// tell writes a wish down for the driver.
func (c *rollouts) tell(ctx context.Context, w rollout.Ref, do rollout.Ask) error {
	_, err := journal.Ask(ctx, c.client, w, rollout.Request{Do: do, By: c.me})
	if errors.Is(err, journal.ErrNone) {
		return refuse(exitFailed, "rollout.error.none", "workload", w.String(), "namespace", w.Namespace)
	}
	var first *journal.BackFirstError
	if errors.As(err, &first) {
		return refuse(exitConflict, "rollout.error.back-first", "by", first.By, "workload", w.String())
	}
	return c.reader.Explain(err)
}

// adopt takes the managed fields as they are for what was written last, so that
// what someone else has put there is overwritten and not a conflict.
func (c *rollouts) adopt(ctx context.Context, s *rollout.State) error {
	w, err := c.client.Observe(ctx, s)
	if err != nil {
		return err
	}
	for i := range s.Managed {
		o := &s.Managed[i]
		live, ok := w.Live[o.Ref]
		if !ok || live.UID != o.UID {
			continue // another object is nothing to take over
		}
		o.Current = rollout.Fields{}
		for _, path := range o.Paths {
			if value, there := live.Fields[path]; there {
				o.Current[path] = value
			}
		}
	}
	s.Intent = nil
	return nil
}

// whoDrives names this driver for people: user@host.
func (a *app) whoDrives() string {
	name := a.Getenv("USER")
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if name == "" {
		name = "?"
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		name += "@" + host
	}
	return snapshot.Safe(name)
}
