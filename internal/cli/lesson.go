package cli

import (
	"fmt"
	"strings"
	"text/template/parse"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// viewRule shows a rule without any object: what the texts would name stands
// there as <name>.
func viewRule(l lang.Lang, e finding.Entry) ruleView {
	v := ruleView{
		ID: e.ID, Severity: e.Severity, Summary: outline(e.Summary.In(l)), Why: outline(e.Why.In(l)),
		Silent: outline(e.Silent.In(l)), Lesson: outline(e.Lesson.In(l)),
	}
	for _, f := range e.Fix {
		v.Fix = append(v.Fix, finding.Fix{Text: outline(f.Text.In(l)), Command: outline(f.Command)})
	}
	return v
}

// outline renders a template with each argument as its own name, and of each
// choice the first branch. What stands there in one case only is left out: it
// would be said of all.
func outline(source string) string {
	// SkipFuncCheck: the functions are pkg/lang's, and none is called here.
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	parsed, err := tree.Parse(source, "", "", map[string]*parse.Tree{})
	if err != nil {
		return strings.TrimSpace(source)
	}
	var b strings.Builder
	outlineList(&b, parsed.Root)
	return strings.TrimSpace(b.String())
}

func outlineList(b *strings.Builder, list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			b.WriteString(outlinePipe(n.Pipe))
		case *parse.IfNode:
			outlineChoice(b, n.BranchNode)
		case *parse.WithNode:
			outlineChoice(b, n.BranchNode)
		case *parse.RangeNode:
			outlineList(b, n.List)
		}
	}
}

func outlineChoice(b *strings.Builder, n parse.BranchNode) {
	if n.ElseList != nil {
		outlineList(b, n.List)
	}
}

// outlinePipe: a field is its name, of words to choose from (plural) the last.
func outlinePipe(p *parse.PipeNode) string {
	field, word := "", ""
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.FieldNode:
				field = "<" + strings.Join(arg.Ident, ".") + ">"
			case *parse.StringNode:
				word = arg.Text
			}
		}
	}
	if word != "" {
		return word
	}
	return field
}

// writeLesson is the page of one rule.
func (a *app) writeLesson(r ruleView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n%s\n", r.ID, r.Severity, r.Summary)
	section := func(id, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n%s\n", a.t(id), indent(text))
		}
	}
	section("lesson.why", r.Why)
	var steps []string
	for _, f := range r.Fix {
		step := f.Text
		if f.Command != "" {
			step += "\n  $ " + strings.ReplaceAll(f.Command, "\n", "\n  $ ")
		}
		steps = append(steps, step)
	}
	section("lesson.fix", strings.Join(steps, "\n"))
	section("lesson.lesson", r.Lesson)
	section("lesson.silent", r.Silent)
	_, err := fmt.Fprint(a.Streams.Out, b.String())
	return err
}
