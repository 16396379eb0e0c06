package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// sized writes requests and limits that follow from what was seen, each with its
// reasons and the distribution behind it, and for what nothing is suggested.
func (p *page) sized(r quota.SuggestReport) error {
	args := map[string]any{"unread": len(r.NotChecked) > 0, "n": len(r.Suggestions), "targets": p.targets(r.Scope)}
	switch {
	case len(r.Suggestions) > 0:
		p.headline(markInfo, p.say("suggest-head", args), p.uncheckedTail(r.Report))
	case len(r.None) > 0:
		p.headline(markInfo, p.say("suggest-nothing", args), p.uncheckedTail(r.Report))
	default:
		p.headline(markInfo, p.say("usage-none", args), p.uncheckedTail(r.Report))
	}
	p.labels("suggest-patch", "suggest-apply")
	for _, s := range r.Suggestions {
		p.gap()
		p.head(within(s.Object, r.Scope.Namespace))
		var rows []row
		for _, c := range s.Containers {
			name := c.Container
			for _, v := range c.Values {
				rows = append(rows, row{cells: []string{name, v.Field, p.orNone(v.Now), p.orNone(v.Value), v.Wanted}})
				name = ""
			}
		}
		if err := p.table("  ", p.headers("size-container", "size-field", "size-now", "size-value", "size-wanted"), rows); err != nil {
			return err
		}
		for _, c := range s.Containers {
			for _, reason := range c.Reasons {
				p.bullet(markInfo, reason)
			}
		}
		if err := p.behind(s); err != nil {
			return err
		}
		p.labelled("suggest-patch", strings.Split(strings.TrimRight(s.Patch, "\n"), "\n"))
		p.labelled("suggest-apply", p.steps([]finding.Fix{{Text: p.say("suggest-apply-how", nil), Command: s.Command}}))
	}
	p.unsized(r)
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

func (p *page) orNone(v string) string {
	if v == "" {
		return p.style.dash()
	}
	return v
}

// behind is the distribution that the values come from: of the worst pod, and of all in Wide.
func (p *page) behind(s quota.Suggestion) error {
	var rows []row
	for _, c := range s.Containers {
		for i, o := range []*quota.Observed{c.CPU, c.Memory} {
			if o == nil {
				continue
			}
			resource := []string{"cpu", "memory"}[i]
			rests := p.say("usage-points", map[string]any{"n": o.Worst.Samples, "covered": o.Covered})
			rows = append(rows, row{cells: append(append([]string{c.Container + " " + o.Worst.Pod, resource}, spread(o.Worst)...), rests)})
			if p.wide && o.Pods > 1 {
				rests = p.say("usage-points", map[string]any{"n": o.Pooled.Samples, "covered": o.Covered})
				rows = append(rows, row{cells: append(append([]string{c.Container + " " + p.say("size-all-pods", map[string]any{"n": o.Pods}), resource}, spread(o.Pooled)...), rests)})
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return p.table("  ", p.headers("size-busiest", "usage-resource", "usage-median", "usage-mostly", "usage-nearly", "usage-peak", "usage-rests-on"), rows)
}

// unsized lists the containers for which nothing is suggested, with the reason.
func (p *page) unsized(r quota.SuggestReport) {
	if len(r.None) == 0 {
		return
	}
	p.gap()
	p.head(p.say("suggest-none", nil))
	for _, n := range r.None {
		p.bullet(markInfo, containerIn(n.Object, r.Scope.Namespace)+" "+p.style.dash()+" "+n.Why)
	}
}
