package render

import (
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// branches are the strokes that a tree is drawn with.
type branches struct{ fork, last, pass, none string }

func (s style) branches() branches {
	if s.ascii {
		return branches{"|- ", "`- ", "|  ", "   "}
	}
	return branches{"├─ ", "└─ ", "│  ", "   "}
}

// treeLine is one line of a tree before it is laid out.
type treeLine struct {
	mark  mark
	drawn string // strokes and name
	state string
	// below is what the strokes go on as, for what is written under the line.
	below  string
	causes []inspect.TreeCause
}

// treed writes a tree: one line for each object, with the causes under theirs.
func (p *page) treed(r inspect.TreeReport) {
	p.treeHead(r)
	var lines []treeLine
	for i, n := range r.Tree {
		if i > 0 {
			lines = append(lines, treeLine{})
		}
		lines = p.branch(lines, n, "", "", r.Scope.Namespace)
	}
	if len(lines) > 0 {
		p.gap()
	}
	names := 0
	for _, l := range lines {
		names = max(names, columns(l.drawn))
	}
	for _, l := range lines {
		p.treeLine(l, names)
	}
	if len(r.Findings) > 0 {
		p.gap()
		p.line("  " + p.style.paint(faint, p.say("tree-more", whereToLook(r))))
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
}

// whereToLook names what tells more: the targets, or the place of the first
// finding where the tree went further than an inspection of the target would.
func whereToLook(r inspect.TreeReport) map[string]any {
	for _, n := range r.Tree {
		if n.Object.Kind == "Gateway" || n.Object.Kind == "Node" {
			at := r.Findings[0].Where().Object()
			return map[string]any{"targets": at.String(), "namespace": at.Namespace}
		}
	}
	return map[string]any{"targets": strings.Join(r.Scope.Targets, " "), "namespace": r.Scope.Namespace}
}

func (p *page) treeHead(r inspect.TreeReport) {
	tail := p.uncheckedTail(r.Report)
	switch n := finding.AtLeast(r.Findings, finding.Warning); {
	case n > 0:
		p.headline(severityMark(r.Findings[0].Severity), p.say("tree-found", map[string]any{"n": n, "title": r.Findings[0].Title}), tail)
	case len(r.NotChecked) > 0:
		p.headline(markInfo, p.say("tree-found-none", nil), tail)
	case unwell(r.Tree):
		p.headline(markWarning, p.say("tree-unwell", nil), "")
	case unknown(r.Tree):
		p.headline(markInfo, p.say("tree-found-none", nil), "")
	default:
		p.headline(markOK, p.say("tree-found-none", nil), "")
	}
}

// unknown says that it is not known how what was asked about is.
func unknown(all []inspect.TreeNode) bool {
	return slices.ContainsFunc(all, func(n inspect.TreeNode) bool { return n.Target && n.Health == inspect.Unknown || unknown(n.Children) })
}

func unwell(all []inspect.TreeNode) bool {
	for _, n := range all {
		if n.Health == inspect.Unwell || unwell(n.Children) {
			return true
		}
	}
	return false
}

// branch adds the lines of a node and of what hangs under it. lead stands in
// front of the node, under in front of what is below it.
func (p *page) branch(lines []treeLine, n inspect.TreeNode, lead, under, namespace string) []treeLine {
	b := p.style.branches()
	name := within(n.Object, namespace)
	if n.Count > 1 {
		name = p.say("tree-several", map[string]any{"n": n.Count, "kind": strings.ToLower(n.Object.Kind), "names": likeness(n.Members)})
	}
	if n.Relation != "" && n.Relation != inspect.Controls {
		name = p.say("tree-relation-"+string(n.Relation), nil) + " " + name
	}
	state := p.state(n.Status, n.Health)
	if n.Again {
		state += " " + p.say("tree-again", nil)
	}
	below := under
	if len(n.Children) > 0 {
		below += b.pass
	} else {
		below += b.none
	}
	lines = append(lines, treeLine{mark: healthMark(n.Health), drawn: lead + name, state: state, below: below, causes: n.Causes})
	if n.Count > 1 && p.wide {
		for _, m := range n.Members {
			lines = append(lines, treeLine{drawn: under + b.none + strings.ToLower(n.Object.Kind) + "/" + m})
		}
	}
	for i, c := range n.Children {
		fork, next := b.fork, b.pass
		if i == len(n.Children)-1 {
			fork, next = b.last, b.none
		}
		lines = p.branch(lines, c, under+fork, under+next, namespace)
	}
	return lines
}

// likeness is what names have in common: "orders-6f7c9d8b5-*".
func likeness(names []string) string {
	if len(names) == 0 {
		return ""
	}
	prefix := names[0]
	for _, n := range names[1:] {
		for !strings.HasPrefix(n, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "") + "*"
}

// treeLine lays a line out. A state that does not fit in its column moves towards
// its name, and is cut where that is not enough, except in Wide; a cause is
// wrapped, because it is what was asked for.
func (p *page) treeLine(l treeLine, names int) {
	if l.drawn == "" {
		p.line("")
		return
	}
	symbol, t := p.style.symbol(l.mark)
	state := inline(l.state)
	if room := p.full() - 4 - len(columnGap); p.width > 0 && !p.wide {
		names = max(min(names, room-columns(state)), columns(safe(l.drawn)))
		state = shorten(state, max(room-names, minColumn), tableCut)
	}
	said := strings.TrimRight(pad(safe(l.drawn), names)+columnGap+state, " ")
	p.line("  " + p.style.paint(t, symbol) + " " + said)
	for _, c := range l.causes {
		p.treeCause(c, l.below)
	}
}

func (p *page) treeCause(c inspect.TreeCause, below string) {
	symbol, t := p.style.symbol(severityMark(c.Severity))
	text := c.Title
	if c.Pods > 1 {
		text += " (" + p.say("count-pods", map[string]any{"n": c.Pods}) + ")"
	}
	text += " [" + c.Rule + "]"
	for i, line := range wrap(text, p.prose()-6-columns(below)) {
		lead := p.style.paint(t, symbol) + " "
		if i > 0 {
			lead = "  "
		}
		p.line("    " + below + lead + line)
	}
}
