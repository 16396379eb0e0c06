package router

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
)

// hashLabel is the label by which a workload's controller tells the Pods of its
// versions apart: ReplicaSets get pod-template-hash (pkg/controller/deployment),
// StatefulSets and DaemonSets label Pods with their ControllerRevision.
func hashLabel(kind string) string {
	if kind == "Deployment" {
		return appsv1.DefaultDeploymentUniqueLabelKey
	}
	return appsv1.ControllerRevisionHashLabelKey
}

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
	labels[hashLabel(kind)] = value
	out, err := json.Marshal(labels)
	if err != nil {
		return nil
	}
	return out
}
