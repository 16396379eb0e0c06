package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Every text that the code names is in the catalogue: an id that is not would be shown as itself.
func TestTextsThatTheCodeNamesExist(t *testing.T) {
	texts, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:\bt\(|usage\(|refuse\(\w+, |id: |section\()"([a-z][a-z.-]+[a-z])"`)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(source), -1) {
			found++
			if _, ok := texts[m[1]]; !ok {
				t.Errorf("%s: no text %q", f.Name(), m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d texts found: the pattern no longer fits the code", found)
	}
}

func TestEveryCommandAndFlagIsDescribedInEveryLanguage(t *testing.T) {
	hangul := regexp.MustCompile(`\p{Hangul}`)
	for _, l := range lang.All() {
		a := newApp(t, l)
		var walk func(*cobra.Command)
		walk = func(cmd *cobra.Command) {
			if cmd.Short == "" || hangul.MatchString(cmd.Short) != (l == lang.Korean) {
				t.Errorf("%s: %s: %q", l, cmd.CommandPath(), cmd.Short)
			}
			check := func(f *pflag.Flag) {
				if f.Name == "help" || f.Name == "output" {
					return
				}
				if f.Usage == "" || hangul.MatchString(f.Usage) != (l == lang.Korean) {
					t.Errorf("%s: %s --%s: %q", l, cmd.CommandPath(), f.Name, f.Usage)
				}
			}
			cmd.LocalFlags().VisitAll(check)
			for _, sub := range cmd.Commands() {
				walk(sub)
			}
		}
		walk(newRoot(a, "kubectl-msa"))
	}
}

func TestLanguage(t *testing.T) {
	cases := []struct {
		args []string
		env  map[string]string
		want lang.Lang
	}{
		{nil, nil, lang.English},
		{[]string{"inspect", "--lang", "ko"}, nil, lang.Korean},
		{[]string{"inspect", "--lang=ko"}, map[string]string{"MSA_LANG": "en"}, lang.Korean},
		{[]string{"inspect", "--", "--lang=ko"}, nil, lang.English},
		{[]string{"--lang"}, map[string]string{"LANG": "ko_KR.UTF-8"}, lang.Korean},
		{[]string{"--lang=xx"}, map[string]string{"MSA_LANG": "ko"}, lang.Korean},
		{nil, map[string]string{"MSA_LANG": "en", "LANG": "ko_KR.UTF-8"}, lang.English},
		{nil, map[string]string{"LC_ALL": "en_GB.UTF-8", "LANG": "ko_KR.UTF-8"}, lang.English},
	}
	for _, c := range cases {
		got, err := language(c.args, func(k string) string { return c.env[k] })
		if err != nil || got != c.want {
			t.Errorf("%q %v: %s, %v; want %s", c.args, c.env, got, err, c.want)
		}
	}
}

func TestOutline(t *testing.T) {
	for source, want := range map[string]string{
		"plain":                                       "plain",
		`Secret "{{.name}}" has`:                      `Secret "<name>" has`,
		`{{.n}} {{plural .n "pod" "pods"}} wait`:      "<n> pods wait",
		"{{if .a}}with {{.a}}{{else}}without{{end}}.": "with <a>.",
		"It is. {{if .a}}A.{{else if .b}}B.{{else}} C. {{end}} So it goes.": "It is. A. Or: B. Or: C. So it goes.",
		"{{if .a}}A. {{end}}It is.":                                         "It is.",
		"{{if .a}}A. {{else}}B.{{end}}So it goes.":                          "A. Or: B. So it goes.",
		"There {{if .a}}is one.{{else}}are <n>.{{end}}":                     "There is one.",
		"{{broken": "{{broken",
	} {
		if got := outline(source, "Or:"); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"inspect", "rules", "doctor", "version", "pod", "pods"}
	for typed, want := range map[string]string{
		"inspct": "inspect", "isnpect": "inspect", "INSPECT": "inspect", "vers": "version", "rule": "rules",
		"pdo": "pod", "x": "", "status": "", "frobnicate": "", strings.Repeat("a", 10000): "",
	} {
		if got := nearest(typed, words); got != want {
			t.Errorf("%.20s: %q, want %q", typed, got, want)
		}
	}
}
