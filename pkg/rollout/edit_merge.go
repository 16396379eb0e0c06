package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// lastApplied is where "kubectl apply" keeps the manifest that it applied last.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// schemaOf says how the lists of a workload are merged.
func schemaOf(live map[string]any) (strategicpatch.PatchMetaFromStruct, error) {
	var object any
	switch live["kind"] {
	case "Deployment":
		object = &appsv1.Deployment{}
	case "StatefulSet":
		object = &appsv1.StatefulSet{}
	case "DaemonSet":
		object = &appsv1.DaemonSet{}
	default:
		detail := fmt.Sprintf("its kind is %v, not Deployment, StatefulSet or DaemonSet", live["kind"])
		return strategicpatch.PatchMetaFromStruct{}, &EditError{Problem: EditUnreadable, What: "the live workload", Detail: detail}
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(object)
	if err != nil {
		return schema, fmt.Errorf("read how %v merges: %w", live["kind"], err)
	}
	return schema, nil
}

// withTemplate is the live object with another template.
func withTemplate(live, template map[string]any) map[string]any {
	out, _ := copied(live).(map[string]any)
	within(out, "spec")["template"] = copied(template)
	return out
}

// patchTemplate merges a strategic merge patch that touches nothing but spec.template.
func patchTemplate(live, template map[string]any, raw json.RawMessage) (map[string]any, error) {
	const what = "the patch"
	var patch map[string]any
	if err := kubejson.Unmarshal(raw, &patch); err != nil {
		return nil, &EditError{Problem: EditUnreadable, What: what, Detail: err.Error()}
	}
	if field := outside(live, patch); field != "" {
		return nil, &EditError{Problem: EditOutside, What: field}
	}
	schema, err := schemaOf(live)
	if err != nil {
		return nil, err
	}
	merged, err := strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(withTemplate(live, template), patch, schema)
	if err != nil {
		return nil, &EditError{Problem: EditCannotMerge, What: what, Detail: err.Error()}
	}
	out := within(merged, "spec", "template")
	if out == nil {
		return nil, &EditError{Problem: EditOutside, What: "spec.template itself, away"}
	}
	return out, nil
}

// outside names the first field, in order, that a patch would change beside spec.template.
// Kind, version and name may stand there, as in a manifest, if they say what is so.
func outside(live, patch map[string]any) string {
	for _, k := range slices.Sorted(maps.Keys(patch)) {
		switch k {
		case "apiVersion", "kind":
			if patch[k] != live[k] {
				return k
			}
		case "metadata":
			meta, _ := patch[k].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(meta)) {
				if name != "name" && name != "namespace" || meta[name] != within(live, k)[name] {
					return "metadata." + name
				}
			}
		case "spec":
			spec, ok := patch[k].(map[string]any)
			if !ok {
				return k
			}
			for _, name := range slices.Sorted(maps.Keys(spec)) {
				if name != "template" {
					return "spec." + name
				}
			}
		default:
			return k
		}
	}
	return ""
}

// manifestTemplate merges a manifest as "kubectl apply" does (kubectl's
// apply/patcher.go): what the last applied one had and this one has not goes,
// what this one says is set, everything else stays.
func manifestTemplate(live, template map[string]any, raw json.RawMessage) (map[string]any, []Note, error) {
	const what = "the manifest"
	var manifest map[string]any
	if err := kubejson.Unmarshal(raw, &manifest); err != nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: what, Detail: err.Error()}
	}
	if err := sameObject(live, manifest); err != nil {
		return nil, nil, err
	}
	if within(manifest, "spec", "template") == nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: what, Detail: "it has no spec.template"}
	}
	schema, err := schemaOf(live)
	if err != nil {
		return nil, nil, err
	}
	current := written(withTemplate(live, template))
	merged, err := threeWay(applied(live), written(manifest), current, schema)
	if err != nil {
		return nil, nil, &EditError{Problem: EditCannotMerge, What: what, Detail: err.Error()}
	}
	out := within(merged, "spec", "template")
	if out == nil {
		return nil, nil, &EditError{Problem: EditUnreadable, What: what, Detail: "it has no spec.template"}
	}
	return out, beside(current, merged), nil
}

func threeWay(original, modified, current map[string]any, schema strategicpatch.LookupPatchMeta) (map[string]any, error) {
	raw := make([][]byte, 3)
	for i, m := range []map[string]any{original, modified, current} {
		var err error
		if raw[i], err = json.Marshal(m); err != nil {
			return nil, err
		}
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(raw[0], raw[1], raw[2], schema, true)
	if err != nil {
		return nil, err
	}
	data, err := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(raw[2], patch, schema)
	if err != nil {
		return nil, err
	}
	var merged map[string]any
	err = kubejson.Unmarshal(data, &merged)
	return merged, err
}

// sameObject refuses the manifest of something else.
func sameObject(live, manifest map[string]any) error {
	for _, field := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}} {
		key := field[len(field)-1]
		at := field[:len(field)-1]
		want, got := within(live, at...)[key], within(manifest, at...)[key]
		if got == want || key == "namespace" && got == nil {
			continue
		}
		detail := fmt.Sprintf("its %s is %v, the workload's is %v", key, got, want)
		return &EditError{Problem: EditOtherObject, What: "the manifest", Detail: detail}
	}
	return nil
}

// applied is the manifest that was applied last; nothing where there is none or it cannot be read.
func applied(live map[string]any) map[string]any {
	text, _ := within(live, "metadata", "annotations")[lastApplied].(string)
	var out map[string]any
	if text == "" || kubejson.Unmarshal([]byte(text), &out) != nil {
		return map[string]any{}
	}
	return written(out)
}

// written keeps of an object what people write: labels and annotations, and the
// spec. Exported manifests carry server-set fields and an empty creationTimestamp.
// There always are annotations, as kubectl itself adds one: a manifest without
// any takes away its own of the last time, and not those of controllers.
func written(object map[string]any) map[string]any {
	meta := map[string]any{"annotations": map[string]any{}}
	for _, k := range []string{"labels", "annotations"} {
		if m, ok := within(object, "metadata")[k].(map[string]any); ok {
			m = maps.Clone(m)
			delete(m, lastApplied)
			meta[k] = m
		}
	}
	out := map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": meta}
	if spec, ok := copied(object["spec"]).(map[string]any); ok {
		if m := within(spec, "template", "metadata"); m != nil && m["creationTimestamp"] == nil {
			delete(m, "creationTimestamp")
		}
		out["spec"] = spec
	}
	return out
}

// beside lists what the manifest would change outside of spec.template.
func beside(current, merged map[string]any) []Note {
	var notes []Note
	compare := func(path string, live, asked map[string]any) {
		keys := maps.Clone(live)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, asked)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			from, to := encode(live, k), encode(asked, k)
			if path+"."+k != "spec.template" && !Same(from, to) {
				notes = append(notes, Note{Path: path + "." + k, Live: from, Asked: to})
			}
		}
	}
	for _, k := range []string{"labels", "annotations"} {
		compare("metadata."+k, within(current, "metadata", k), within(merged, "metadata", k))
	}
	compare("spec", within(current, "spec"), within(merged, "spec"))
	return notes
}

// encode is one field's JSON; nil where it is absent or null.
func encode(m map[string]any, key string) json.RawMessage {
	v, ok := m[key]
	if !ok || v == nil {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // a value that was decoded from JSON encodes
	}
	return raw
}

// pastTemplate is the template that a revision holds: a ReplicaSet's, without
// the label that tells its Pods apart, or a ControllerRevision's, whose data is
// a patch (pkg/controller/history).
func pastTemplate(revision int64, revisions map[int64]json.RawMessage) (map[string]any, error) {
	number := strconv.FormatInt(revision, 10)
	raw, ok := revisions[revision]
	if !ok {
		e := &EditError{Problem: EditNoRevision, What: number}
		for _, r := range slices.Sorted(maps.Keys(revisions)) {
			e.Known = append(e.Known, strconv.FormatInt(r, 10))
		}
		return nil, e
	}
	var object map[string]any
	if err := kubejson.Unmarshal(raw, &object); err != nil {
		return nil, &EditError{Problem: EditOtherRevision, What: number, Detail: err.Error()}
	}
	template := within(object, "spec", "template")
	if template == nil {
		template = within(object, "data", "spec", "template")
	}
	if template == nil {
		return nil, &EditError{Problem: EditOtherRevision, What: number, Detail: "it has no spec.template"}
	}
	delete(template, "$patch")
	delete(within(template, "metadata", "labels"), templateHashOfPods)
	return template, nil
}
