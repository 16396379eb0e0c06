package cluster

import (
	"context"
	"encoding/json"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// DryRun asks the API server what changes would make of an object: admission,
// defaults and validation run, and nothing is stored. Before is the object as it
// is. There is no fence: changes are from the live object. A *rollout.RefusedError
// says that the server would not have it.
func (c *Client) DryRun(ctx context.Context, r rollout.Ref, changes []rollout.Change) (before, after json.RawMessage, err error) {
	o, err := c.must(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	ops := []op{test("/metadata/uid", quote(o.meta.UID))}
	for _, change := range changes {
		if change.Path == rollout.MarkField && change.To != nil && at(o.raw, "/metadata/labels") == nil {
			ops = append(ops, op{Op: "add", Path: "/metadata/labels", Value: json.RawMessage("{}")})
		}
		ops = append(ops, set(change.Path, change.To))
	}
	patched, err := c.patch(ctx, r, ops, "dryRun", "All")
	if err != nil {
		return nil, nil, err
	}
	return o.raw, patched.raw, nil
}
