package probe

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// change is part of a container, or of what lies around it, as a manifest has it.
type change map[string]any

// probeKey is the field of a container that holds the probe.
func probeKey(t Type) string { return string(t) + "Probe" }

// set changes fields of one probe of a container.
func set(t Type, fields change) change { return change{probeKey(t): fields} }

// handlerOf is what the probe asks, without its numbers.
func handlerOf(p *corev1.Probe) (change, error) {
	data, err := json.Marshal(p.ProbeHandler)
	if err != nil {
		return nil, fmt.Errorf("encode the probe's handler: %w", err)
	}
	out := change{}
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("decode the probe's handler: %w", err)
	}
	return out, nil
}

// inContainer wraps a container's fields into the pod's spec.
func inContainer(c container, fields change) change {
	named := change{"name": c.spec.Name}
	for k, v := range fields {
		named[k] = v
	}
	return change{strings.TrimPrefix(c.list(), "spec."): []change{named}}
}

// whole wraps a pod's spec into what the owner is; false where the owner takes
// no such change: a pod's probes and a Job's template never change, and what a
// kind of somebody else's looks like is not known here.
func (sub *subject) whole(spec change) (change, bool) {
	template := change{"spec": change{"template": change{"spec": spec}}}
	switch sub.ref.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return template, true
	case "CronJob":
		return change{"spec": change{"jobTemplate": template}}, true
	}
	return nil, false
}

// patch is the command that changes the pods' spec, "" where none does.
func (sub *subject) patch(spec change) string {
	body, ok := sub.whole(spec)
	if !ok {
		return ""
	}
	return sub.command(body)
}

// patchContainer is patch for one container.
func (sub *subject) patchContainer(c container, fields change) string {
	return sub.patch(inContainer(c, fields))
}

// command writes a strategic merge patch, in which containers are told apart by their names.
func (sub *subject) command(body change) string {
	data, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	quoted := strings.ReplaceAll(string(data), "'", `'\''`)
	return fmt.Sprintf("kubectl -n %s patch %s %s -p '%s'", sub.ref.Namespace, strings.ToLower(sub.ref.Kind), sub.ref.Name, quoted)
}
