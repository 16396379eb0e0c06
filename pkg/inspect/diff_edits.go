package inspect

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// edits lists the fields in which two templates differ, in order of path. Items
// of lists are compared by name where all have one, so that one that was put
// first does not change all the others.
func edits(before, after map[string]any) []Edit {
	x, y := map[string]string{}, map[string]string{}
	flatten(before, "template", x)
	flatten(after, "template", y)
	var paths []string
	for p := range x {
		paths = append(paths, p)
	}
	for p := range y {
		if _, both := x[p]; !both {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	out := []Edit{}
	for _, p := range paths {
		a, hadA := x[p]
		b, hasB := y[p]
		if hadA && hasB && a == b {
			continue
		}
		e := Edit{Path: snapshot.Safe(p)}
		if hadA {
			a = snapshot.Safe(a)
			e.Before = &a
		}
		if hasB {
			b = snapshot.Safe(b)
			e.After = &b
		}
		out = append(out, e)
	}
	return out
}

// flatten writes every leaf under its path: "template.spec.containers[app].image".
func flatten(v any, path string, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			flatten(member, path+"."+k, into)
		}
	case []any:
		for i, item := range v {
			flatten(item, path+"["+itemName(v, item, i)+"]", into)
		}
	case string:
		into[path] = v
	case nil:
	default:
		data, err := json.Marshal(v)
		if err != nil {
			data = []byte(fmt.Sprint(v))
		}
		into[path] = string(data)
	}
}

// itemName tells an item of a list from the others: by its name, or where it is
// mounted or listens, if no other item has the same; else by its place.
func itemName(list []any, item any, i int) string {
	for _, key := range []string{"name", "mountPath", "containerPort", "key"} {
		name, ok := member(item, key)
		if !ok {
			continue
		}
		same := 0
		for _, other := range list {
			if n, ok := member(other, key); ok && n == name {
				same++
			}
		}
		if same == 1 {
			return name
		}
	}
	return fmt.Sprint(i)
}

func member(item any, key string) (string, bool) {
	m, ok := item.(map[string]any)
	if !ok {
		return "", false
	}
	v, ok := m[key]
	if !ok {
		return "", false
	}
	return fmt.Sprint(v), true
}
