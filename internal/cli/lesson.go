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
func viewRule(l lang.Lang, e finding.Entry, or string) ruleView {
	text := func(t lang.Text) string { return outline(t.In(l), or) }
	v := ruleView{ID: e.ID, Severity: e.Severity, Summary: text(e.Summary), Why: text(e.Why), Silent: text(e.Silent), Lesson: text(e.Lesson)}
	for _, f := range e.Fix {
		v.Fix = append(v.Fix, finding.Fix{Text: text(f.Text), Command: outline(f.Command, "")})
	}
	return v
}

// outline renders a template with each argument as its own name. Of a choice
// between words the first stands for all; sentences to choose from are all told,
// with or between them (empty: the first here too). What stands there in one case only is left out: it would
// be said of all.
func outline(source, or string) string {
	// SkipFuncCheck: the functions are pkg/lang's, and none is called here.
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	parsed, err := tree.Parse(source, "", "", map[string]*parse.Tree{})
	if err != nil {
		return strings.TrimSpace(source)
	}
	return strings.TrimSpace(outlineList(parsed.Root, or))
}

func outlineList(list *parse.ListNode, or string) string {
	if list == nil {
		return ""
	}
	var b strings.Builder
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			b.WriteString(outlinePipe(n.Pipe))
		case *parse.IfNode:
			b.WriteString(outlineChoice(n.BranchNode, opening(b.String()), or))
		case *parse.WithNode:
			b.WriteString(outlineChoice(n.BranchNode, opening(b.String()), or))
		case *parse.RangeNode:
			b.WriteString(outlineList(n.List, or))
		}
	}
	return b.String()
}

// outlineChoice takes whether a sentence begins here.
func outlineChoice(n parse.BranchNode, begins bool, or string) string {
	if n.ElseList == nil {
		return ""
	}
	first, other := outlineList(n.List, or), outlineList(n.ElseList, or)
	if or == "" || !begins || !ends(first) || !ends(other) {
		return first
	}
	told := strings.TrimRight(first, " \n")
	return told + " " + or + " " + strings.TrimSpace(other) + first[len(told):]
}

// opening says whether what follows a text is, or may be, a sentence of its own.
func opening(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, ";")
}

func ends(text string) bool { return strings.HasSuffix(strings.TrimSpace(text), ".") }

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
