package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Apply implements rollout.Cluster. The write is one request: its preconditions
// are tested where it is made. It is not sent again by itself, not even where
// the server asks to come again: the lead may be lost by then.
func (c *Client) Apply(ctx context.Context, w rollout.Write, token string) error {
	if token == "" || w.UID == "" {
		return errors.New("a write needs the driver's token and the object's uid")
	}
	if w.Delete {
		return c.remove(ctx, w)
	}
	_, err := c.patch(ctx, w.Object, operations(w, token))
	return err
}

// operations are the write's preconditions, then its changes.
func operations(w rollout.Write, token string) []op {
	ops := []op{test("/metadata/uid", quote(w.UID)), test(rollout.MarkField, quote(token))}
	if w.Generation != 0 {
		ops = append(ops, test("/metadata/generation", json.RawMessage(strconv.FormatInt(w.Generation, 10))))
	}
	if w.Version != "" {
		ops = append(ops, test("/metadata/resourceVersion", quote(w.Version)))
	}
	for _, change := range w.Changes {
		ops = append(ops, test(change.Path, change.From))
	}
	for _, change := range w.Changes {
		ops = append(ops, set(change.Path, change.To))
	}
	return ops
}

// remove deletes a Pod, if it is still the one that was seen.
func (c *Client) remove(ctx context.Context, w rollout.Write) error {
	if w.Object.Kind != "Pod" {
		return fmt.Errorf("a rollout deletes Pods, never a %s", w.Object.Kind)
	}
	path, err := pathOf(w.Object)
	if err != nil {
		return err
	}
	uid := types.UID(w.UID)
	options := metav1.DeleteOptions{
		TypeMeta:      metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
		Preconditions: &metav1.Preconditions{UID: &uid},
	}
	body, err := json.Marshal(options)
	if err != nil {
		return fmt.Errorf("encode the deletion of %s: %w", w.Object, err)
	}
	_, err = c.Call(ctx, http.MethodDelete, path, jsonType, body)
	return refusal(w.Object, err)
}
