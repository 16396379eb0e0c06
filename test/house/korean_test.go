package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// badParticle is a Korean particle behind a variable with a space before it, or in
// one of two forms (docs/conventions.md).
var badParticle = regexp.MustCompile(`\{\{(?:\.[A-Za-z.]*|join [.A-Za-z]+)\}\}"?(?: (?:가|이|를|을|는|은|와|과|의|에|에서|로|으로|까지|부터|보다|입니다|입니까|이며)|(?:가|를|을|는|은|와|과|으로))(?:[^가-힣(]|$)`)

func TestKoreanParticles(t *testing.T) {
	seen := 0
	for _, room := range []string{"pkg", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case filepath.Ext(path) != ".yaml":
				return nil
			}
			text, err := os.ReadFile(path)
			for i, line := range strings.Split(string(text), "\n") {
				seen += strings.Count(line, "이(가)")
				if bad := badParticle.FindString(line); bad != "" {
					t.Errorf("%s:%d: %s", path, i+1, bad)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Error("no Korean text was read")
	}
	for bad, want := range map[string]bool{"{{.name}} 의 Pod": true, "{{.name}}를 씁니다": true, "{{.name}}을(를)": false, "{{.name}}의": false, "{{.n}}개를": false, "{{end}} 이 Pod": false} {
		if badParticle.MatchString(bad) != want {
			t.Errorf("%s: %t", bad, !want)
		}
	}
}
