// Command phases draws docs/rollout-phases.md from the rollout machine's edges.
// A test beside it fails when the page is out of date.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func main() {
	if err := os.WriteFile(filepath.Join("docs", "rollout-phases.md"), []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString("# The phases of a rollout\n\nDrawn from `rollout.Edges` by `make docs`. There is no way from one phase to another but these.\n\n```mermaid\nstateDiagram-v2\n    [*] --> starting\n")
	for _, e := range rollout.Edges() {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", e.From, e.To, e.On)
	}
	fmt.Fprintf(&b, "    %s --> [*]\n    %s --> [*]\n```\n\n| in | when | then |\n|---|---|---|\n", rollout.Promoted, rollout.Aborted)
	for _, e := range rollout.Edges() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", e.From, e.On, e.To)
	}
	return b.String()
}
