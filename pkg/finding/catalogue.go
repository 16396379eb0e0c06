package finding

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Entry is what the catalogue knows about a rule: everything but the check.
type Entry struct {
	ID string `json:"-" yaml:"-"`
	// Severity is the grade of the rule where a finding does not set its own.
	Severity Severity `json:"severity"`
	// ExplainedBy makes the rule a symptom: its finding hangs under that of any of
	// these rules ("container/*", "workload/quota-blocked") at or below its object.
	ExplainedBy []string  `json:"explainedBy,omitempty" yaml:"explainedBy"`
	Title       lang.Text `json:"title"`
	Why         lang.Text `json:"why"`
	Fix         []FixText `json:"fix"`
	// Summary names the rule in the list of rules, without any object's names.
	Summary lang.Text `json:"summary"`
	// Silent says when the rule deliberately says nothing.
	Silent lang.Text `json:"silent"`
	// Lesson is what happens inside Kubernetes, and how to see it.
	Lesson lang.Text `json:"lesson"`
}

// FixText is a next step in every language; the command is the same in all of
// them. When is a template; the step is left out where it renders empty.
type FixText struct {
	When    string    `json:"when,omitempty"`
	Text    lang.Text `json:"text"`
	Command string    `json:"command,omitempty"`
}

// IsSymptom says that a deeper cause may explain the rule's finding.
func (e Entry) IsSymptom() bool { return len(e.ExplainedBy) > 0 }

// IsExplainedBy says whether a finding of that rule can be the reason for this one.
func (e Entry) IsExplainedBy(rule string) bool {
	return slices.ContainsFunc(e.ExplainedBy, func(pattern string) bool {
		ok, err := path.Match(pattern, rule)
		return ok && err == nil
	})
}

//go:embed catalogue/*.yaml
var catalogueFiles embed.FS

// Catalogue holds the rules by id.
type Catalogue map[string]Entry

// LoadCatalogue reads what findings need of the built-in catalogue, once: all
// but Summary, Silent and Lesson, which are half of it and would be half of the
// time. Its error is a defect of the build.
var LoadCatalogue = sync.OnceValues(func() (Catalogue, error) { return readCatalogue(catalogueFiles, withoutLessons) })

// LoadLessons reads the whole catalogue, once.
var LoadLessons = sync.OnceValues(func() (Catalogue, error) {
	return readCatalogue(catalogueFiles, func(data []byte) []byte { return data })
})

// readCatalogue reads the rooms side by side: it is most of a command's start.
func readCatalogue(files embed.FS, part func([]byte) []byte) (Catalogue, error) {
	names, err := files.ReadDir("catalogue")
	if err != nil {
		return nil, fmt.Errorf("read rule catalogue: %w", err)
	}
	rooms, errs := make([]map[string]Entry, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, n := range names {
		all.Go(func() {
			data, err := files.ReadFile(path.Join("catalogue", n.Name()))
			if err == nil {
				err = lang.Decode(part(data), &rooms[i])
			}
			if err != nil {
				errs[i] = fmt.Errorf("rule catalogue %s: %w", n.Name(), err)
			}
		})
	}
	all.Wait()
	c := Catalogue{}
	for i, n := range names {
		for cause, e := range rooms[i] {
			e.ID = strings.TrimSuffix(n.Name(), ".yaml") + "/" + cause
			c[e.ID] = e
		}
	}
	return c, errors.Join(errs...)
}

// withoutLessons leaves these fields of each rule out of a room's file: all lines
// from the field's own to the next that is no deeper.
func withoutLessons(data []byte) []byte {
	out := make([]byte, 0, len(data))
	left := false
	for line := range bytes.Lines(data) {
		if deep := len(line) - len(bytes.TrimLeft(line, " ")); deep <= 2 && len(bytes.TrimSpace(line)) > 0 {
			name, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
			left = deep == 2 && slices.Contains([]string{"summary", "silent", "lesson"}, string(name))
		}
		if !left {
			out = append(out, line...)
		}
	}
	return out
}

// IDs lists the rules in order.
func (c Catalogue) IDs() []string {
	ids := make([]string, 0, len(c))
	for id := range c {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// Title is the finding's root cause in words.
func (c Catalogue) Title(l lang.Lang, f Finding) string {
	return strings.TrimSpace(c[f.Rule].Title.Render(l, arguments(f)))
}

// arguments are what a finding's texts may use: its own and, beside them,
// count and, for what was seen on a pod, pod.
func arguments(f Finding) map[string]any {
	args := map[string]any{"count": f.Count, "pod": ""}
	if f.Where().Kind == "Pod" {
		args["pod"] = f.Where().Name
	}
	maps.Copy(args, f.Args)
	return args
}

// Localize fills the finding's texts in the language, and its severity and
// page where they are not set.
func (c Catalogue) Localize(l lang.Lang, f Finding) Finding {
	e, ok := c[f.Rule]
	if !ok {
		f.Title = f.Rule
		return f
	}
	if f.Severity == "" {
		f.Severity = e.Severity
	}
	args := arguments(f)
	f.Title = c.Title(l, f)
	f.Why = strings.TrimSpace(e.Why.Render(l, args))
	f.Doc = "docs/rules/" + f.Rule + ".md"
	f.Fix = []Fix{}
	for _, step := range e.Fix {
		if step.When != "" && (lang.Text{En: step.When}).Render(lang.English, args) == "" {
			continue
		}
		f.Fix = append(f.Fix, Fix{
			Text:    strings.TrimSpace(step.Text.Render(l, args)),
			Command: strings.TrimSpace((lang.Text{En: step.Command}).Render(lang.English, args)),
		})
	}
	return f
}
