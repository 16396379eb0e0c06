package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

const jsonPatch = "application/json-patch+json"

// op is one operation of a JSON Patch (RFC 6902).
type op struct {
	Op    string          `json:"op"`
	Path  rollout.Pointer `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// test demands a value; nil demands that the field is absent. The API server
// takes a test against null as that, for a field of an object that exists
// (gopkg.in/evanphx/json-patch.v4, Patch.test); where the object around it is
// absent too, the test fails.
func test(path rollout.Pointer, value json.RawMessage) op {
	if value == nil {
		value = json.RawMessage("null")
	}
	return op{Op: "test", Path: path, Value: canonical(value)}
}

// set is the operation that makes a change; "add" also replaces what is there.
func set(path rollout.Pointer, value json.RawMessage) op {
	if value == nil {
		return op{Op: "remove", Path: path}
	}
	return op{Op: "add", Path: path, Value: canonical(value)}
}

// quote is a string as JSON.
func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always encodes
	return b
}

// canonical writes a value as the API server's encoder does. A test compares
// strings and numbers by their bytes, so "\u0026" is not "&" to it.
func canonical(raw json.RawMessage) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return b
}

// patch sends one JSON Patch and gives the object as it is then. The error is as
// refusal sorts it.
func (c *Client) patch(ctx context.Context, r rollout.Ref, ops []op, query ...string) (*object, error) {
	body, err := json.Marshal(ops)
	if err != nil {
		return nil, fmt.Errorf("encode the patch for %s: %w", r, err)
	}
	// A field that the server does not know is refused, instead of dropped without a word.
	path, err := pathOf(r, append([]string{"fieldManager", Manager, "fieldValidation", "Strict"}, query...)...)
	if err != nil {
		return nil, err
	}
	raw, err := c.Call(ctx, http.MethodPatch, path, jsonPatch, body)
	if err != nil {
		return nil, refusal(r, err)
	}
	return parse(r, raw)
}
