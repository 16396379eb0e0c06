package router

import (
	"encoding/json"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// pinned is the selector with one more label: only that version's Pods are left.
// It is nil where the selector is not an object of labels or the hash is unknown.
// All that the selector already asks for stays, whatever it is.
func pinned(original json.RawMessage, kind, hash string) json.RawMessage {
	if hash == "" {
		return nil
	}
	labels := map[string]json.RawMessage{}
	if err := json.Unmarshal(original, &labels); err != nil || len(labels) == 0 {
		return nil
	}
	value, err := json.Marshal(hash)
	if err != nil {
		return nil
	}
	labels[rollout.HashLabel(kind)] = value
	out, err := json.Marshal(labels)
	if err != nil {
		return nil
	}
	return out
}
