package router

import (
	"strings"
	"testing"
)

func TestNewNamesTheNearest(t *testing.T) {
	for given, want := range map[string]string{"servcie": `did you mean "service"?`, "mesh": "use one of ratio, service"} {
		if _, err := New(viaOf(given)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): %v, want %s", given, err, want)
		}
	}
}
