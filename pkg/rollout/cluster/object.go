package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// object is an object as the API server wrote it, byte for byte.
type object struct {
	raw  json.RawMessage
	meta meta
}

// meta is the part of every object's metadata that is looked at.
type meta struct {
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Generation      int64             `json:"generation"`
	Labels          map[string]string `json:"labels"`
	Deleting        *string           `json:"deletionTimestamp"`
	ManagedFields   []managedFields   `json:"managedFields"`
}

// get reads an object fresh; nil where there is none.
func (c *Client) get(ctx context.Context, r rollout.Ref) (*object, error) {
	path, err := pathOf(r)
	if err != nil {
		return nil, err
	}
	raw, err := c.Call(ctx, http.MethodGet, path, "", nil)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r, err)
	}
	return parse(r, raw)
}

// must reads an object that has to be there.
func (c *Client) must(ctx context.Context, r rollout.Ref) (*object, error) {
	o, err := c.get(ctx, r)
	if err == nil && o == nil {
		err = &rollout.ConflictError{Object: r, Message: "it does not exist"}
	}
	return o, err
}

func parse(r rollout.Ref, raw []byte) (*object, error) {
	var o struct {
		Metadata meta `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("read %s: the answer is not what an API server says: %w", r, err)
	}
	if o.Metadata.UID == "" {
		return nil, fmt.Errorf("read %s: the answer is not the object that was asked for", r)
	}
	return &object{raw: raw, meta: o.Metadata}, nil
}

// Get reads a workload or Service as the API server writes it, in JSON. Where
// there is none the error is a *rollout.ConflictError.
func (c *Client) Get(ctx context.Context, r rollout.Ref) (json.RawMessage, error) {
	o, err := c.must(ctx, r)
	if err != nil {
		return nil, err
	}
	return o.raw, nil
}

// live is a managed object as a rollout looks at it.
func (o *object) live(paths []rollout.Pointer) rollout.Live {
	token, marked := o.meta.Labels[rollout.Mark]
	return rollout.Live{UID: o.meta.UID, Generation: o.meta.Generation, Version: o.meta.ResourceVersion,
		Token: token, Marked: marked, Fields: o.fields(paths)}
}

// fields are the values at the paths, as they were written. An absent one has no
// entry; null is how JSON says absent where a client wrote it so.
func (o *object) fields(paths []rollout.Pointer) rollout.Fields {
	f := rollout.Fields{}
	for _, p := range paths {
		if value := at(o.raw, p); value != nil {
			f[p] = value
		}
	}
	return f
}

// at is the value that a pointer leads to through objects; nil where there is none.
func at(raw json.RawMessage, p rollout.Pointer) json.RawMessage {
	for _, key := range keys(p) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil
		}
		raw = fields[key]
	}
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// keys are the parts of a pointer (RFC 6901).
func keys(p rollout.Pointer) []string {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	parts := strings.Split(strings.TrimPrefix(string(p), "/"), "/")
	for i := range parts {
		parts[i] = unescape.Replace(parts[i])
	}
	return parts
}
