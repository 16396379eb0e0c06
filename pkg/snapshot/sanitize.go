package snapshot

import (
	"reflect"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// lastApplied repeats the whole object, for a Secret with its values.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Sanitize makes an object fit to keep and to print: the last-applied
// annotation is dropped, and control characters in every string are replaced
// (see Safe). managedFields stay where the reader kept them.
func Sanitize(o Object) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.Object, _ = safeValue(u.Object).(map[string]any)
	}
	if a := o.GetAnnotations(); a != nil {
		if _, ok := a[lastApplied]; ok {
			delete(a, lastApplied)
			o.SetAnnotations(a)
		}
	}
	if _, ok := o.(*unstructured.Unstructured); !ok {
		keepSafeFields(o)
		walk(reflect.ValueOf(o))
	}
}

// keepSafeFields drops the field sets of managedFields that would not be safe to
// print: they are JSON in bytes, whose strings nobody looks into here. Names of
// fields need no escapes.
func keepSafeFields(o Object) {
	entries := o.GetManagedFields()
	for i, e := range entries {
		if e.FieldsV1 == nil {
			continue
		}
		if raw := e.FieldsV1.GetRawString(); strings.Contains(raw, `\u`) || Safe(raw) != raw {
			entries[i].FieldsV1 = nil
		}
	}
}

// DropValues takes the values out of a ConfigMap but for the addresses that
// Addresses finds in them; its keys stay.
func DropValues(c *corev1.ConfigMap) {
	for k, v := range c.Data {
		all := Addresses(k, v)
		kept := make([]string, len(all))
		for i, a := range all {
			kept[i] = a.String()
		}
		c.Data[k] = strings.Join(kept, " ")
	}
	for k := range c.BinaryData {
		c.BinaryData[k] = nil
	}
}

// Safe replaces what could drive a terminal or spoof a line in it: control
// characters (but for tab and newline) and bidirectional overrides become the
// replacement character. Same purpose as printers.EscapeTerminal (CVE-2021-25743).
func Safe(s string) string {
	if strings.IndexFunc(s, unsafeRune) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unsafeRune(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func unsafeRune(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	}
	return false
}

// walk visits every string below v and makes it safe in place.
func walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				walk(f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			walk(v.Index(i))
		}
	case reflect.Map:
		walkMap(v)
	case reflect.String:
		if s := v.String(); v.CanSet() {
			if safe := Safe(s); safe != s {
				v.SetString(safe)
			}
		}
	}
}

func walkMap(v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.String || v.Type().Key().Kind() != reflect.String {
		return // quantities, sizes and bytes hold no text
	}
	for _, k := range v.MapKeys() {
		value := v.MapIndex(k).String()
		safeKey, safeValue := Safe(k.String()), Safe(value)
		if safeKey == k.String() && safeValue == value {
			continue
		}
		v.SetMapIndex(k, reflect.Value{})
		v.SetMapIndex(reflect.ValueOf(safeKey).Convert(v.Type().Key()), reflect.ValueOf(safeValue).Convert(v.Type().Elem()))
	}
}
