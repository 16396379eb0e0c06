package render

import (
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// differed writes what changed between two revisions, a field a block.
func (p *page) differed(r inspect.DiffReport) {
	if len(r.Diffs) == 0 && len(r.NotChecked) > 0 {
		p.headline(markInfo, p.say("view-unread", map[string]any{"targets": p.targets(r.Scope)}), p.uncheckedTail(r.Report))
	}
	for _, d := range r.Diffs {
		p.gap()
		args := map[string]any{"object": d.Object.String(), "n": len(d.Changes), "from": int64(0), "to": int64(0)}
		if d.To != nil {
			args["to"] = d.To.Number
		}
		if d.From == nil {
			p.headline(markInfo, p.say("diff-alone", args), p.uncheckedTail(r.Report))
			continue
		}
		args["from"] = d.From.Number
		p.headline(markInfo, p.say("diff-head", args), p.uncheckedTail(r.Report))
		for _, rev := range []*inspect.Revision{d.From, d.To} {
			p.line("  " + p.style.paint(faint, inline(p.say("diff-revision", map[string]any{"n": rev.Number, "name": rev.Name, "at": rev.Created.UTC().Format(time.RFC3339), "cause": rev.Cause}))))
		}
		for _, e := range d.Changes {
			p.gap()
			p.line("  " + inline(e.Path))
			p.edited("-", bad, e.Before)
			p.edited("+", good, e.After)
		}
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
}

// edited is a value before or after, with its sign; nothing where there was none.
func (p *page) edited(sign string, t tone, value *string) {
	if value == nil {
		return
	}
	lines := []string{inline(*value)}
	if p.width > 0 && !p.wide {
		lines = p.few(inline(*value), p.full()-6)
	}
	if len(lines) == 0 {
		lines = []string{`""`}
	}
	for _, l := range lines {
		if l == "" {
			l = `""`
		}
		p.line("    " + p.style.paint(t, sign+" "+l))
	}
}
