package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// learned writes lessons: each a headline, its paragraphs, and how to see it.
func (p *page) learned(r inspect.LearnReport) {
	if len(r.Lessons) == 0 {
		args := map[string]any{"targets": p.targets(r.Scope)}
		said := p.say("learn-none", args)
		if len(r.NotChecked) > 0 {
			said = p.say("view-unread", args)
		}
		p.headline(markInfo, said, p.uncheckedTail(r.Report))
	}
	for _, l := range r.Lessons {
		p.gap()
		p.headline(markInfo, l.Title, within(l.Object, r.Scope.Namespace))
		for i, paragraph := range strings.Split(l.Text, "\n\n") {
			if i > 0 {
				p.line("")
			}
			for _, line := range wrap(paragraph, p.prose()-2) {
				p.line("  " + line)
			}
		}
		for _, c := range l.Commands {
			p.line("    " + p.style.paint(faint, "$ ") + c)
		}
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
}
