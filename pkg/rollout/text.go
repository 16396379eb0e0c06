package rollout

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

func lower(s string) string { return strings.ToLower(s) }

// short leaves out the zero units that time.Duration writes: "2m" for "2m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Misfit says of a value that does not fit its field which one it is and what
// belongs there, in the words of JSON; any other error as it is.
func Misfit(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	got, _, _ := strings.Cut(wrong.Value, " ") // "number 2.5"
	return cmp.Or(wrong.Field, "the whole") + " cannot be a " + words()[got] + ": it takes a " + words()[kindIn(wrong.Type)]
}

func words() map[string]string {
	return map[string]string{"bool": "true or false", "number": "number", "string": "text", "array": "list", "object": "map of fields"}
}

// kindIn is what a type is in JSON.
func kindIn(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map, reflect.Pointer, reflect.Interface:
		return "object"
	default:
		return "number"
	}
}

// quote is a string as JSON.
func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		return nil
	}
	return b
}

// after joins a message to what goes before it.
func after(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

func restarts(n int) string {
	if n == 1 {
		return "1 restart"
	}
	return strconv.Itoa(n) + " restarts"
}
