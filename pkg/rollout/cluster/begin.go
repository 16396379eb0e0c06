package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Begin gives the state of a rollout that has not begun: what every managed
// object is like now, and the new template as the API server would store it.
// Nothing is written. A *rollout.RefusedError says that the template is not
// acceptable, a *rollout.ConflictError that something is not there or not settled.
func (c *Client) Begin(ctx context.Context, spec rollout.Spec, managed []rollout.Managed, template json.RawMessage) (*rollout.State, error) {
	s := &rollout.State{ID: rand.Text(), Spec: spec, Phase: rollout.Starting, Managed: slices.Clone(managed)}
	w := s.Workload()
	if w == nil {
		return nil, fmt.Errorf("begin the rollout of %s: it is not among the managed objects", spec.Workload)
	}
	look, err := c.first(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := range s.Managed {
		m := &s.Managed[i]
		o := look.objects[m.Ref]
		if o == nil {
			return nil, &rollout.ConflictError{Object: m.Ref, Message: "it does not exist"}
		}
		m.UID, m.Original = o.meta.UID, o.fields(m.Paths)
		m.Current = maps.Clone(m.Original)
	}
	if err := c.second(ctx, look); err != nil {
		return nil, err
	}
	if s.OldHash = look.updateHash(); s.OldHash == "" {
		return nil, &rollout.ConflictError{Object: w.Ref, Message: "its controller has not acted on its last change yet, so the running version has no name"}
	}
	s.Replicas, s.OldImages = look.workload.replicas, images(look.workload.template.Spec.Containers)
	if s.Template, s.NewImages, err = c.stored(ctx, *w, template); err != nil {
		return nil, err
	}
	s.Started = c.Now()
	s.Since, s.Seen = s.Started, s.Started
	return s, nil
}

// stored is the template as the API server would store it: with its defaults,
// and with what admission makes of it. Twice, for what is written must be
// recognised when it is seen again, and be the same when it is written again.
func (c *Client) stored(ctx context.Context, w rollout.Managed, template json.RawMessage) (json.RawMessage, []string, error) {
	var results [2]json.RawMessage
	for i := range results {
		ops := []op{test("/metadata/uid", quote(w.UID)), set(rollout.TemplateField, template)}
		o, err := c.patch(ctx, w.Ref, ops, "dryRun", "All")
		if err != nil {
			return nil, nil, err
		}
		template = at(o.raw, rollout.TemplateField)
		results[i] = template
	}
	if !rollout.Same(results[0], results[1]) {
		return nil, nil, &rollout.RefusedError{Object: w.Ref, Message: "admission changes its template each time that it is written, so a rollout could not tell its own writes from those of others"}
	}
	var t corev1.PodTemplateSpec
	if err := json.Unmarshal(template, &t); err != nil {
		return nil, nil, fmt.Errorf("read the new template of %s: %w", w.Ref, err)
	}
	return template, images(t.Spec.Containers), nil
}
