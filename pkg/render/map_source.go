package render

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
)

// mermaid writes a flowchart for mermaid.js, which draws it in Markdown of many places.
func (p *page) mermaid(r calls.Report) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range r.Nodes {
		text := quotedMermaid(n.Name)
		if state := readiness(n); state != "" {
			text += "<br/>" + quotedMermaid(state)
		}
		left, right := "[", "]"
		switch n.Sort {
		case calls.Entry:
			left, right = "([", "])"
			text = quotedMermaid(n.Object.String())
		case calls.Outside:
			left, right = "{{", "}}"
		case calls.Worker:
			left, right = "[[", "]]"
		case calls.Served:
		}
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, left, text, right)
	}
	at := indexOf(r.Nodes)
	for _, c := range r.Calls {
		stroke := "-->"
		if c.Certainty != calls.Declared {
			stroke = "-.->"
		}
		label := ""
		if len(c.Ports) > 0 {
			label = "|\"" + quotedMermaid(strings.Join(c.Ports, ", ")) + "\"|"
		}
		fmt.Fprintf(&b, "  n%d %s%s n%d\n", at[c.From], stroke, label, at[c.To])
	}
	return b.String()
}

// quotedMermaid writes what means something to mermaid as its entities.
func quotedMermaid(s string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ", "`", "#96;").Replace(s)
}

func indexOf(nodes []calls.Node) map[string]int {
	at := map[string]int{}
	for i, n := range nodes {
		at[n.ID] = i
	}
	return at
}

// readiness is "2/2", of all workloads behind the node together; empty where nothing was observed.
func readiness(n calls.Node) string {
	ready, desired, seen := 0, 0, false
	for _, w := range n.Workloads {
		if w.Ready != nil && w.Desired != nil {
			ready, desired, seen = ready+*w.Ready, desired+*w.Desired, true
		}
	}
	if !seen {
		return ""
	}
	return fmt.Sprintf("%d/%d", ready, desired)
}

// dot writes a graph for Graphviz.
func (p *page) dot(r calls.Report) string {
	var b strings.Builder
	b.WriteString("digraph calls {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, n := range r.Nodes {
		label := n.Name
		shape := ""
		switch n.Sort {
		case calls.Entry:
			label, shape = n.Object.String(), ", shape=oval"
		case calls.Outside:
			shape = ", shape=box, style=dashed"
		case calls.Worker:
			shape = ", shape=component"
		case calls.Served:
		}
		if state := readiness(n); state != "" {
			label += "\n" + state
		}
		fmt.Fprintf(&b, "  %s [label=%s%s];\n", quotedDot(n.ID), quotedDot(label), shape)
	}
	for _, c := range r.Calls {
		style := map[calls.Certainty]string{calls.Declared: "solid", calls.Shared: "dashed", calls.Allowed: "dotted"}[c.Certainty]
		fmt.Fprintf(&b, "  %s -> %s [style=%s, label=%s, tooltip=%s];\n", quotedDot(c.From), quotedDot(c.To), style, quotedDot(strings.Join(c.Ports, ", ")), quotedDot(p.allOf(c)))
	}
	b.WriteString("}\n")
	return b.String()
}

func quotedDot(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// allOf is everything that an arrow rests on, one a line.
func (p *page) allOf(c calls.Arrow) string {
	lines := make([]string, len(c.Basis))
	for i, b := range c.Basis {
		lines[i] = p.basis(b)
	}
	return strings.Join(lines, "\n")
}
