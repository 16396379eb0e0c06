package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// fault is a value that its field cannot hold, and where it stands.
type fault struct {
	path string
	raw  json.RawMessage
	of   reflect.Type
	err  error
}

// locate finds the value that the decoder stumbled over. The decoder itself names
// no item of a list, and no field at all where a type reads itself, as quantities
// and times do; so the value is taken apart along the type for as long as a part
// of it does not decode. It is nil where all of it does.
func locate(of reflect.Type, raw json.RawMessage, path string) *fault {
	err := json.Unmarshal(raw, reflect.New(of).Interface())
	if err == nil {
		return nil
	}
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if deeper := locatePart(of, raw, path); deeper != nil {
		return deeper
	}
	return &fault{path: path, raw: raw, of: of, err: err}
}

func locatePart(of reflect.Type, raw json.RawMessage, path string) *fault {
	if reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch of.Kind() {
	case reflect.Struct:
		return locateField(of, raw, path)
	case reflect.Map:
		parts := partsOf(raw)
		for _, key := range slices.Sorted(maps.Keys(parts)) {
			if f := locate(of.Elem(), parts[key], path+"["+key+"]"); f != nil {
				return f
			}
		}
	case reflect.Slice:
		var items []json.RawMessage
		_ = json.Unmarshal(raw, &items) // what is no list is the fault itself
		for i, item := range items {
			if f := locate(of.Elem(), item, fmt.Sprintf("%s[%s]", path, itemName(item, i))); f != nil {
				return f
			}
		}
	default: // a single value has no parts
	}
	return nil
}

func locateField(of reflect.Type, raw json.RawMessage, path string) *fault {
	parts := partsOf(raw)
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" && field.Anonymous {
			if f := locate(field.Type, raw, path); f != nil {
				return f
			}
			continue
		}
		part, ok := parts[name]
		if !ok {
			continue
		}
		if f := locate(field.Type, part, strings.TrimPrefix(path+"."+name, ".")); f != nil {
			return f
		}
	}
	return nil
}

// partsOf takes a map apart; what is none has no parts.
func partsOf(raw json.RawMessage) map[string]json.RawMessage {
	var parts map[string]json.RawMessage
	_ = json.Unmarshal(raw, &parts)
	return parts
}

// itemName is what people call the item of a list by: its name where it has one.
func itemName(raw json.RawMessage, index int) string {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &named); err != nil || named.Name == "" {
		return fmt.Sprint(index)
	}
	return named.Name
}

// String says which field cannot hold what, without the Go types.
func (f *fault) String() string {
	var wrong *json.UnmarshalTypeError
	text := f.err.Error()
	switch {
	case errors.As(f.err, &wrong):
		text = f.path + " cannot be a " + strings.NewReplacer("object", "map", "array", "list").Replace(wrong.Value)
		if f.of.Kind() == reflect.String && wrong.Value != "object" && wrong.Value != "array" {
			text += ": put it in quotes" // the value itself may be nobody's business
		}
	case f.of == reflect.TypeFor[resource.Quantity]():
		text = f.path + " cannot be " + shortened(f.raw) + ": it takes a quantity, such as 500m, 2 or 1.5Gi"
	case f.of == reflect.TypeFor[metav1.Time]() || f.of == reflect.TypeFor[metav1.MicroTime]():
		text = f.path + " cannot be " + shortened(f.raw) + ": it takes a time, such as 2026-01-02T15:04:05Z"
	case f.path != "":
		text = f.path + ": " + text
	}
	return snapshot.Safe(strings.Join(strings.Fields(text), " "))
}

// shortened is a value as it was written, or the beginning of a long one.
func shortened(raw json.RawMessage) string {
	const most = 40
	text := []rune(string(raw))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
