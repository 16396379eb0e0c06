package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

const (
	// claimTime bounds a claim from its beginning. A driver that was stopped for
	// longer in the middle of it must first ask whether it still leads: the mark
	// may be absent because the rollout is over.
	claimTime = 5 * time.Second
	// claimTries bounds how often an object may change under a claim.
	claimTries = 5
)

// Claim implements rollout.Cluster. What it decides on and what it writes is the
// same version of the object, for an absent mark alone would not tell "not
// claimed yet" from "over, and given back".
func (c *Client) Claim(ctx context.Context, m rollout.Managed, token string, before []string) error {
	started := time.Now()
	for try := 1; ; try++ {
		o, err := c.get(ctx, m.Ref)
		if err != nil {
			return err
		}
		if o == nil {
			return &rollout.DriftError{Object: m.Ref, Gone: true}
		}
		ops, err := claim(m, o, token, before)
		if err != nil || ops == nil {
			return err
		}
		if time.Since(started) > claimTime {
			return fmt.Errorf("claim %s: it took too long to be sure of the lead", m.Ref)
		}
		_, err = c.patch(ctx, m.Ref, ops)
		var moved *rollout.ConflictError
		if err == nil || !errors.As(err, &moved) || try == claimTries {
			return err
		}
	}
}

// claim gives the operations that put the token on the object as it was read;
// none where it is there already.
func claim(m rollout.Managed, o *object, token string, before []string) ([]op, error) {
	if o.meta.UID != m.UID {
		return nil, &rollout.DriftError{Object: m.Ref, Gone: true}
	}
	ops := []op{test("/metadata/uid", quote(m.UID)), test("/metadata/resourceVersion", quote(o.meta.ResourceVersion))}
	mark, marked := o.meta.Labels[rollout.Mark]
	switch {
	case marked && mark == token:
		return nil, nil
	case marked && !slices.Contains(before, mark):
		return nil, &rollout.ConflictError{Object: m.Ref, Message: fmt.Sprintf(
			"it is marked by another rollout (label %s=%s)", rollout.Mark, safe(mark))}
	case marked:
		ops = append(ops, test(rollout.MarkField, quote(mark)))
	case at(o.raw, "/metadata/labels") == nil:
		ops = append(ops, op{Op: "add", Path: "/metadata/labels", Value: json.RawMessage("{}")})
	}
	return append(ops, set(rollout.MarkField, quote(token))), nil
}
