package cli

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	rolloutcluster "github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// rollouts is where a command on rollouts reads and writes.
type rollouts struct {
	*cluster
	client *rolloutcluster.Client
	// me names this driver: who and where.
	me string
}

func (a *app) connectRollouts() (*rollouts, error) {
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	client, err := rolloutcluster.New(c.config, rolloutcluster.Options{
		Version: ownVersion(), QPS: a.global.qps, Burst: int(a.global.qps * 2), Warnings: newWarnings(a),
	})
	if err != nil {
		return nil, err
	}
	return &rollouts{cluster: c, client: client, me: a.whoDrives()}, nil
}

// prepared is a rollout that has not begun: what is to be done, and the plan of it.
type prepared struct {
	machine *rollout.Machine
	state   *rollout.State
	plan    plan.Report
	// nothing says that the new version would be the old one.
	nothing bool
}

// prepare reads and tries all that a rollout depends on. Nothing is written.
func (a *app) prepare(ctx context.Context, c *rollouts, spec rollout.Spec, holder *plan.Holder) (*prepared, error) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return nil, err
	}
	seen := snapshot.New(snapshot.FromCluster, a.Now())
	seen.Context, seen.Namespace = c.context, spec.Workload.Namespace
	err = c.reader.Fill(ctx, seen, func(s *snapshot.Snapshot) snapshot.Needs { return plan.Needs(s, spec) })
	if err != nil {
		return nil, err
	}
	if spec, err = plan.Complete(seen, spec); err != nil {
		return nil, err
	}
	route, err := router.New(spec.Via)
	if err != nil {
		return nil, err
	}
	p := &prepared{}
	if p.machine, err = rollout.NewMachine(spec, route); err != nil {
		return nil, err
	}
	in := plan.Input{Holder: holder}
	stopped := p.begin(ctx, c, spec, &in)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if in.State == nil {
		return nil, stopped
	}
	if err := c.lookAround(ctx, &in, p.machine.Objects(spec)); err != nil {
		return nil, err
	}
	if p.plan, err = plan.Make(seen, in, plan.Options{Lang: a.lang, Catalogue: catalogue}); err != nil {
		return nil, err
	}
	p.nothing = in.NothingToDo
	if stopped != nil && !p.nothing && !p.plan.Refused() {
		return nil, stopped // the plan has no words for it
	}
	return p, nil
}

// begin makes the new template and the state to begin with, and asks the API
// server about every write. The error is what stopped it; where the input has a
// state all the same, the plan can tell more.
func (p *prepared) begin(ctx context.Context, c *rollouts, spec rollout.Spec, in *plan.Input) error {
	live, err := c.client.Get(ctx, spec.Workload)
	if err != nil {
		return err
	}
	var revisions map[int64]json.RawMessage
	if spec.Edit.Revision != 0 {
		if revisions, err = c.revisions(ctx, spec.Workload); err != nil {
			return err
		}
	}
	var template json.RawMessage
	if template, in.Notes, err = spec.Edit.Template(live, revisions); err != nil {
		if errors.Is(err, rollout.ErrNothingToDo) {
			in.NothingToDo, in.State = true, &rollout.State{Spec: spec}
		}
		return err
	}
	in.State = &rollout.State{Spec: spec, Template: template}
	p.state, err = c.client.Begin(ctx, spec, p.machine.Objects(spec), template)
	var refused *rollout.RefusedError
	if errors.As(err, &refused) {
		in.Trials = []plan.Trial{{Write: rollout.Write{Object: refused.Object, Why: rollout.PurposeStart}, Refused: refused.Message}}
	}
	if err != nil {
		return err
	}
	in.State = p.state
	in.Trials, err = c.try(ctx, p.machine, p.state)
	return err
}

// revisions are the templates of a workload's past, each within an object as an edit wants it.
func (c *rollouts) revisions(ctx context.Context, w rollout.Ref) (map[int64]json.RawMessage, error) {
	templates, err := c.client.Revisions(ctx, w)
	for n, template := range templates {
		templates[n] = slices.Concat([]byte(`{"spec":{"template":`), template, []byte(`}}`))
	}
	return templates, err
}

// try rehearses the rollout and asks the API server what it would say to each write.
func (c *rollouts) try(ctx context.Context, m *rollout.Machine, s *rollout.State) ([]plan.Trial, error) {
	w, err := c.client.Observe(ctx, s)
	if err != nil {
		return nil, err
	}
	writes, stopped := rollout.Rehearse(m, *s, w)
	trials := plan.Trials(writes)
	for i := range trials {
		t := &trials[i]
		if len(t.Changes) == 0 {
			continue
		}
		var refused *rollout.RefusedError
		t.Before, t.After, err = c.client.DryRun(ctx, t.Write.Object, t.Changes)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.As(err, &refused):
			t.Refused = refused.Message
		default:
			t.Unasked = err.Error()
		}
	}
	return trials, stopped
}
