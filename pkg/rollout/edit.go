package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	kubejson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// ErrNothingToDo says that the new version would be the old one.
var ErrNothingToDo = errors.New("the template is already like this: there is nothing to roll out")

// Note is a difference that was asked for and is not part of a rollout: it is not written.
type Note struct {
	// Path is the field: "spec.replicas".
	Path string `json:"path"`
	// Live is its value in the cluster, Asked the one asked for; nil where it is absent.
	Live  json.RawMessage `json:"live,omitempty"`
	Asked json.RawMessage `json:"asked,omitempty"`
}

// every names all containers.
const every = "*"

// Template gives the new version's spec.template: the live workload's with the
// edit made in it and everything else, unknown fields too, as it was. Revisions
// are the ReplicaSets or ControllerRevisions of the past by number; they are
// looked at only where the edit names one. Its errors: *EditError, ErrNothingToDo.
//
// A revision or a manifest comes first, then the patch, images and variables.
func (e Edit) Template(workload []byte, revisions map[int64]json.RawMessage) (json.RawMessage, []Note, error) {
	live, old, err := readWorkload(workload)
	if err != nil {
		return nil, nil, err
	}
	if e.empty() {
		return nil, nil, &EditError{Problem: EditEmpty}
	}
	template, _ := copied(old).(map[string]any)
	var notes []Note
	if e.Revision != 0 {
		if template, err = pastTemplate(e.Revision, revisions); err != nil {
			return nil, nil, err
		}
	}
	if len(e.Manifest) > 0 {
		if template, notes, err = manifestTemplate(live, template, e.Manifest); err != nil {
			return nil, nil, err
		}
	}
	if len(e.Patch) > 0 {
		if template, err = patchTemplate(live, template, e.Patch); err != nil {
			return nil, nil, err
		}
	}
	if err := setImages(template, e.Images); err != nil {
		return nil, nil, err
	}
	if err := setVariables(template, e.Env); err != nil {
		return nil, nil, err
	}
	if sameTemplate(old, template) {
		return nil, notes, ErrNothingToDo
	}
	out, err := json.Marshal(template)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the new template: %w", err)
	}
	var typed corev1.PodTemplateSpec
	if err := json.Unmarshal(out, &typed); err != nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: "the new spec.template", Detail: Misfit(err)}
	}
	return out, notes, nil
}

func (e Edit) empty() bool {
	return len(e.Images) == 0 && len(e.Env) == 0 && len(e.Patch) == 0 && len(e.Manifest) == 0 && e.Revision == 0
}

// readWorkload takes the live object apart.
func readWorkload(raw []byte) (live, template map[string]any, err error) {
	if err := kubejson.Unmarshal(raw, &live); err != nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: "the live workload", Detail: err.Error()}
	}
	template = within(live, "spec", "template")
	if template == nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: "the live workload", Detail: "it has no spec.template"}
	}
	return live, template, nil
}

// within follows keys down; nil where there is no object.
func within(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

// copied copies a decoded JSON value, numbers as they are.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = copied(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = copied(x)
		}
		return out
	}
	return v
}

// containersOf lists the template's containers, the init containers last, as "kubectl set" goes through them.
func containersOf(template map[string]any) []map[string]any {
	var out []map[string]any
	spec := within(template, "spec")
	for _, list := range []string{"containers", "initContainers"} {
		entries, _ := spec[list].([]any)
		for _, entry := range entries {
			if c, ok := entry.(map[string]any); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// pick gives the containers that a name means: one, or every one.
func pick(template map[string]any, name string) ([]map[string]any, error) {
	all := containersOf(template)
	if name == every || name == "" {
		return all, nil
	}
	var names []string
	for _, c := range all {
		known, _ := c["name"].(string)
		if known == name {
			return []map[string]any{c}, nil
		}
		names = append(names, known)
	}
	return nil, &EditError{Problem: EditNoContainer, What: name, Near: spelling.Nearest(name, names), Known: names}
}

// setImages sets every container's image first, where that was asked for, then those named.
func setImages(template map[string]any, images map[string]string) error {
	names := slices.Sorted(maps.Keys(images)) // "*" sorts before every name
	for _, name := range names {
		if images[name] == "" {
			return &EditError{Problem: EditNoImage, What: name}
		}
		picked, err := pick(template, name)
		if err != nil {
			return err
		}
		for _, c := range picked {
			c["image"] = images[name]
		}
	}
	return nil
}

func setVariables(template map[string]any, edits []EnvEdit) error {
	for _, edit := range edits {
		if edit.Name == "" {
			return &EditError{Problem: EditNoVariable}
		}
		picked, err := pick(template, edit.Container)
		if err != nil {
			return err
		}
		for _, c := range picked {
			setVariable(c, edit)
		}
	}
	return nil
}

// setVariable keeps the place of a variable that is there, because later ones
// may refer to it, and drops a valueFrom with its old value (kubectl's updateEnv).
func setVariable(container map[string]any, edit EnvEdit) {
	old, had := container["env"].([]any)
	out := make([]any, 0, len(old)+1)
	done := edit.Remove
	for _, entry := range old {
		v, _ := entry.(map[string]any)
		switch {
		case v["name"] != edit.Name:
			out = append(out, entry)
		case !done:
			done = true
			out = append(out, variable(edit))
		}
	}
	if !done {
		out = append(out, variable(edit))
	}
	if len(out) == 0 && !had {
		return
	}
	if len(out) == 0 {
		delete(container, "env")
		return
	}
	container["env"] = out
}

func variable(edit EnvEdit) map[string]any {
	v := map[string]any{"name": edit.Name}
	if edit.Value != "" {
		v["value"] = edit.Value
	}
	return v
}
