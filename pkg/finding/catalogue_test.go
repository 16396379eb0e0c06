package finding

import (
	"regexp"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Every rule must say everything in both languages, and its templates must parse.
func TestCatalogueIsComplete(t *testing.T) {
	c, err := LoadLessons()
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, name := range c.IDs() {
		e := c[name]
		if !id.MatchString(name) {
			t.Errorf("%s: an id is room/kebab-case", name)
		}
		if e.Severity.Rank() == 0 {
			t.Errorf("%s: severity %q", name, e.Severity)
		}
		if len(e.Fix) == 0 {
			t.Errorf("%s: no next step", name)
		}
		texts := map[string]lang.Text{"title": e.Title, "why": e.Why, "summary": e.Summary, "silent": e.Silent, "lesson": e.Lesson}
		for _, f := range e.Fix {
			texts["fix"] = f.Text
			checkTemplate(t, name, "command", f.Command)
			checkTemplate(t, name, "when", f.When)
		}
		for part, text := range texts {
			for _, l := range lang.All() {
				if strings.TrimSpace(text.In(l)) == "" {
					t.Errorf("%s: %s has no %s text", name, part, l)
				}
				checkTemplate(t, name, part, text.In(l))
			}
		}
		if !hangul.MatchString(e.Title.Ko) || !hangul.MatchString(e.Lesson.Ko) {
			t.Errorf("%s: the Korean texts are not Korean", name)
		}
	}
}

// What findings need is read without the rest, and is the same.
func TestCatalogueWithoutLessons(t *testing.T) {
	whole, err := LoadLessons()
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	want := Catalogue{}
	for id, e := range whole {
		e.Summary, e.Silent, e.Lesson = lang.Text{}, lang.Text{}, lang.Text{}
		want[id] = e
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

var hangul = regexp.MustCompile(`\p{Hangul}`)

func checkTemplate(t *testing.T, rule, part, source string) {
	t.Helper()
	tree := parse.New(part)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(source, "", "", map[string]*parse.Tree{}); err != nil {
		t.Errorf("%s: %s: %v", rule, part, err)
	}
}
