package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fieldPaths lists the fields of a set of managedFields as people write them:
// "spec.template.spec.containers[app].image" (FieldsV1 in
// apimachinery/pkg/apis/meta/v1/types.go). A list item is told by its name where
// it has one. An item that the manager added as a whole is one path.
func fieldPaths(raw []byte) []string {
	var set map[string]json.RawMessage
	if json.Unmarshal(raw, &set) != nil {
		return nil
	}
	var out []string
	walkFields(set, "", &out)
	out = slices.DeleteFunc(out, func(f string) bool { return strings.HasSuffix(f, "last-applied-configuration") })
	slices.SortFunc(out, func(x, y string) int { // what was wanted first, labels and the like after it
		if wx, wy := strings.HasPrefix(x, "spec."), strings.HasPrefix(y, "spec."); wx != wy {
			if wx {
				return -1
			}
			return 1
		}
		return strings.Compare(x, y)
	})
	return slices.Compact(out)
}

func walkFields(set map[string]json.RawMessage, path string, out *[]string) {
	if _, whole := set["."]; whole && path != "" && strings.HasSuffix(path, "]") {
		*out = append(*out, path)
		return
	}
	for key, raw := range set {
		var below map[string]json.RawMessage
		if key == "." || json.Unmarshal(raw, &below) != nil {
			continue
		}
		at := fieldStep(path, key)
		if len(below) == 0 {
			*out = append(*out, at)
			continue
		}
		walkFields(below, at, out)
	}
}

// fieldStep adds a member "f:name" or an item "k:{…}", "v:…", "i:0" to a path.
func fieldStep(path, key string) string {
	sort, name, _ := strings.Cut(key, ":")
	name = snapshot.Safe(name)
	switch sort {
	case "f":
		if path == "" {
			return name
		}
		return path + "." + name
	case "k":
		var keys map[string]any
		if json.Unmarshal([]byte(name), &keys) == nil {
			for _, k := range []string{"name", "mountPath", "type", "uid", "ip"} {
				if s, ok := keys[k].(string); ok {
					return path + "[" + s + "]"
				}
			}
			var parts []string
			for _, k := range slices.Sorted(maps.Keys(keys)) {
				parts = append(parts, fmt.Sprint(k, "=", keys[k]))
			}
			return path + "[" + strings.Join(parts, ",") + "]"
		}
	}
	return path + "[" + strings.Trim(name, `"{}`) + "]"
}
