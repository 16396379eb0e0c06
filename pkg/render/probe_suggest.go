package render

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// suggested writes the changes that follow from what was seen, each with its
// reasons, and for what nothing is suggested.
func (p *page) suggested(r probe.SuggestReport) {
	args := map[string]any{"n": len(r.Suggestions), "targets": p.targets(r.Scope)}
	switch {
	case len(r.Suggestions) > 0:
		p.headline(markInfo, p.say("suggest-head", args), p.uncheckedTail(r.Report))
	case len(r.None) > 0:
		p.headline(markInfo, p.say("suggest-nothing", args), p.uncheckedTail(r.Report))
	case r.Without != nil:
		p.nothingWritten(*r.Without, r.Report)
	default:
		p.nothingThere(r.Report)
	}
	p.labels("suggest-patch", "suggest-apply")
	for _, s := range r.Suggestions {
		p.gap()
		id := "suggest-rests"
		if s.Starts == 0 {
			id = "suggest-seen"
		}
		p.head(p.say(id, map[string]any{"object": p.named(s.Object), "n": s.Starts}))
		for _, reason := range s.Reasons {
			p.bullet(markInfo, reason)
		}
		p.labelled("suggest-patch", strings.Split(strings.TrimRight(s.Patch, "\n"), "\n"))
		p.labelled("suggest-apply", p.steps([]finding.Fix{{Text: p.say("suggest-apply-how", nil), Command: s.Command}}))
	}
	p.without(r.None)
	p.answers(r)
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
}

// answers says how long answers took, or that nobody has told; of manifests there are none.
func (p *page) answers(r probe.SuggestReport) {
	if len(r.Answers) == 0 {
		if r.AnswersUnknown && len(r.Suggestions)+len(r.None) > 0 {
			p.gap()
			p.paragraph(p.say("suggest-no-answers", nil))
		}
		return
	}
	p.gap()
	p.head(p.say("suggest-answers", nil))
	ms := func(at *float64) string {
		if at == nil {
			return ""
		}
		return fmt.Sprint(*at)
	}
	for _, a := range r.Answers {
		p.bullet(markInfo, p.say("suggest-answer", map[string]any{
			"object": p.named(a.Object), "type": p.say("probe-"+string(a.Type), nil), "n": a.Successes, "timeout": a.TimeoutSeconds,
			"half": ms(a.P50AtMostMs), "most": ms(a.P95AtMostMs), "all": ms(a.P99AtMostMs),
		}))
	}
}

// without lists the containers for which nothing is suggested, with the reason.
func (p *page) without(all []probe.None) {
	if len(all) == 0 {
		return
	}
	p.gap()
	p.head(p.say("suggest-none", nil))
	for _, n := range all {
		p.bullet(markInfo, p.named(n.Object)+" "+p.style.dash()+" "+n.Why)
	}
}
