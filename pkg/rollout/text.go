package rollout

import (
	"encoding/json"
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
