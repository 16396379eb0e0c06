package rollout

import (
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
