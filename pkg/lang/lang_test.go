package lang

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Lang
		bad  bool
	}{
		{nil, English, false},
		{map[string]string{"LANG": "ko_KR.UTF-8"}, Korean, false},
		{map[string]string{"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, English, false},
		{map[string]string{"LANG": "C", "LC_MESSAGES": "ko"}, Korean, false},
		{map[string]string{"LANG": "kok_IN.UTF-8"}, English, false}, // Konkani is not Korean
		{map[string]string{"LANG": "ko_KR.UTF-8", "MSA_LANG": "en"}, English, false},
		{map[string]string{"MSA_LANG": "KO"}, Korean, false},
		{map[string]string{"MSA_LANG": "de"}, English, true},
	} {
		got, err := FromEnvironment(func(name string) string { return c.env[name] })
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%v: %q, %v", c.env, got, err)
		}
	}
}

func TestRender(t *testing.T) {
	text := Text{En: `{{.n}} {{plural .n "pod" "pods"}}: {{say .why}}`, Ko: `Pod {{.n}}개: {{say .why}}`}
	args := map[string]any{"n": 1, "why": Text{En: "late", Ko: "늦음"}}
	if got := text.Render(English, args); got != "1 pod: late" {
		t.Errorf("got %q", got)
	}
	if got := text.Render(Korean, args); got != "Pod 1개: 늦음" {
		t.Errorf("got %q", got)
	}
	if _, err := text.Try(English, map[string]any{"n": 2}); err == nil {
		t.Error("a missing argument is an error")
	}
	if got := text.Render(English, map[string]any{"n": 2}); !strings.Contains(got, "render text") {
		t.Errorf("a missing argument shows: %q", got)
	}
}

func TestLoadWantsEveryLanguage(t *testing.T) {
	files := fstest.MapFS{"good.yaml": {Data: []byte("a: {en: yes it is, ko: 네}")}, "bad.yaml": {Data: []byte("a: {en: yes it is}")}, "odd.yaml": {Data: []byte("a: {en: x, ko: y, de: z}")}}
	c, err := Load(files, "good.yaml")
	if err != nil || c.Text(Korean, "a", nil) != "네" || c.Text(English, "unknown", nil) != "unknown" {
		t.Errorf("%v %v", c, err)
	}
	for _, name := range []string{"bad.yaml", "odd.yaml", "none.yaml"} {
		if _, err := Load(files, name); err == nil {
			t.Errorf("%s loads", name)
		}
	}
}
