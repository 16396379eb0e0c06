// Command rules writes docs/rules from the rule catalogue: a page for each
// rule and an index. A test beside it fails when the pages are out of date.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func main() {
	if err := write(filepath.Join("docs", "rules")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	pages, err := pages()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove old pages: %w", err)
	}
	for name, text := range pages {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	return nil
}

// pages gives every page's text by its path below docs/rules.
func pages() (map[string]string, error) {
	c, err := finding.LoadLessons()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var index strings.Builder
	index.WriteString("# Rules\n\nWritten from the catalogue in `pkg/finding/catalogue` by `make docs`; `kubectl msa rules ID` shows the same.\n\n| rule | severity | finds | 찾는 것 |\n|---|---|---|---|\n")
	for _, id := range c.IDs() {
		e := c[id]
		out[filepath.FromSlash(id)+".md"] = page(e)
		fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s | %s |\n", id, id, e.Severity, cell(e.Summary.En), cell(e.Summary.Ko))
	}
	out["README.md"] = index.String()
	return out, nil
}

func page(e finding.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nSeverity: %s", e.ID, e.Severity)
	if e.IsSymptom() {
		fmt.Fprintf(&b, ". A symptom: it hangs under any of %s that is found at or below the same object", strings.Join(e.ExplainedBy, ", "))
	}
	b.WriteString(".\n")
	for _, l := range lang.All() {
		silent := "Silent when"
		if l == lang.Korean {
			silent = "알리지 않는 경우"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n### %s\n\n%s\n",
			strings.TrimSpace(e.Summary.In(l)), strings.TrimSpace(e.Lesson.In(l)), silent, strings.TrimSpace(e.Silent.In(l)))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "|", `\|`) }
