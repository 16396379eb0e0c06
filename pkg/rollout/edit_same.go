package rollout

import (
	"encoding/json"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	kubejson "k8s.io/apimachinery/pkg/util/json"
)

// sameTemplate says whether two templates mean the same to the API server, which
// stores "0.5" CPU as "500m" and leaves empty lists out.
func sameTemplate(a, b map[string]any) bool {
	return reflect.DeepEqual(a, b) || reflect.DeepEqual(canonical(a), canonical(b))
}

// canonical is the template as the API's types write it, together with the
// fields that they do not know.
func canonical(template map[string]any) any {
	raw, err := json.Marshal(template)
	if err != nil {
		return template
	}
	var typed corev1.PodTemplateSpec
	if json.Unmarshal(raw, &typed) != nil {
		return template // what does not decode is compared as it is
	}
	if raw, err = json.Marshal(typed); err != nil {
		return template
	}
	var known any
	if kubejson.Unmarshal(raw, &known) != nil {
		return template
	}
	return overlay(template, known)
}

// overlay takes what the types wrote, and beside it every field that they left
// out although it holds something.
func overlay(raw, known any) any {
	switch r := raw.(type) {
	case map[string]any:
		k, ok := known.(map[string]any)
		if !ok {
			return known
		}
		out := map[string]any{}
		for key, v := range k {
			out[key] = v
			if written, there := r[key]; there {
				out[key] = overlay(written, v)
			}
		}
		for key, v := range r {
			if _, there := k[key]; !there && !hollow(v) {
				out[key] = v
			}
		}
		return out
	case []any:
		k, ok := known.([]any)
		if !ok || len(k) != len(r) {
			return known
		}
		out := make([]any, len(r))
		for i := range r {
			out[i] = overlay(r[i], k[i])
		}
		return out
	}
	return known
}

// hollow: null, an empty list or an empty object says nothing where the types leave it out. Where they
// write it, it does: an empty namespaceSelector means every namespace.
func hollow(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
