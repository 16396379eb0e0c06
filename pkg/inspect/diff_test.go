package inspect

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEdits(t *testing.T) {
	parse := func(s string) map[string]any {
		var m map[string]any
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"an image", `{"spec":{"containers":[{"name":"app","image":"web:1"}]}}`, `{"spec":{"containers":[{"name":"app","image":"web:2"}]}}`, []string{"template.spec.containers[app].image web:1 web:2"}},
		{"one put first changes no other", `{"spec":{"containers":[{"name":"app","image":"a"}]}}`, `{"spec":{"containers":[{"name":"side","image":"s"},{"name":"app","image":"a"}]}}`, []string{"template.spec.containers[side].image - s", "template.spec.containers[side].name - side"}},
		{"two of the same name go by their place", `{"env":[{"name":"A","value":"1"},{"name":"A","value":"2"}]}`, `{"env":[{"name":"A","value":"1"},{"name":"A","value":"3"}]}`, []string{"template.env[1].value 2 3"}},
		{"taken away", `{"spec":{"hostNetwork":true}}`, `{"spec":{}}`, []string{"template.spec.hostNetwork true -"}},
		{"nothing", `{"spec":{"n":1}}`, `{"spec":{"n":1}}`, nil},
	} {
		var got []string
		for _, e := range edits(parse(c.before), parse(c.after)) {
			side := func(s *string) string {
				if s == nil {
					return "-"
				}
				return *s
			}
			got = append(got, e.Path+" "+side(e.Before)+" "+side(e.After))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
