package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// namesShown is how many names a sentence lists.
const namesShown = 3

// nothingFound says that no rule found anything, and no more than that: an
// object that is unwell, on its way or unseen is named, and what could not be
// read takes the tick away.
func (p *page) nothingFound(base finding.Report, objects []inspect.Object) {
	if len(objects) == 0 && len(base.Scope.Targets) == 0 {
		p.nothingThere(base)
		return
	}
	worst := 0
	for _, o := range objects {
		worst = max(worst, ill(o.Health))
	}
	var names []string
	for _, o := range objects {
		if ill(o.Health) == worst {
			names = append(names, within(o.Object, base.Scope.Namespace))
		}
	}
	args := map[string]any{"targets": p.targets(base.Scope), "objects": p.names(names), "n": len(names)}
	m, id := markOK, "none"
	switch {
	case worst == ill(inspect.Unwell):
		m, id = markWarning, "none-unwell"
	case worst == ill(inspect.Unknown):
		m, id = markInfo, "none-unknown"
	case worst == ill(inspect.Progressing):
		m, id = markInfo, "none-progressing"
	case len(base.NotChecked) > 0:
		m, id = markInfo, "none-readable"
	}
	p.headline(m, p.say(id, args), p.uncheckedTail(base))
}

// nothingThere says that no object was looked at, which is no clean bill of health.
func (p *page) nothingThere(base finding.Report) {
	p.headline(markInfo, p.say("none-there", map[string]any{"targets": p.targets(base.Scope)}), p.uncheckedTail(base))
}

func (p *page) uncheckedTail(base finding.Report) string {
	n := len(base.NotChecked)
	if n == 0 {
		return ""
	}
	return p.say("unchecked-below", map[string]any{"n": n})
}

// targets names what was asked about.
func (p *page) targets(s finding.Scope) string {
	switch {
	case len(s.Targets) > 0:
		return p.names(s.Targets)
	case s.Namespace != "":
		return p.say("in-namespace", map[string]any{"namespace": s.Namespace})
	}
	return p.say("in-cluster", nil)
}

func (p *page) names(all []string) string {
	if len(all) <= namesShown {
		return strings.Join(all, ", ")
	}
	return p.say("and-more", map[string]any{"names": strings.Join(all[:namesShown], ", "), "n": len(all) - namesShown})
}
