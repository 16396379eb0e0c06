package render

import (
	"fmt"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// ran writes what became of probes that were asked just now.
func (p *page) ran(r probe.RunReport) error {
	if len(r.Findings) == 0 {
		p.gap()
		p.ranHead(r)
	} else if err := p.findings(r.Report); err != nil {
		return err
	}
	if err := p.ranProbes(r); err != nil {
		return err
	}
	if r.PodsLeftOut > 0 {
		p.gap()
		p.note("ran-left-out", map[string]any{"n": r.PodsLeftOut})
	}
	for _, s := range r.Transports {
		p.gap()
		p.paragraph(s.CannotSee)
	}
	p.bare(r.Bare, r.Scope.Namespace)
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

// note is a sentence that steps back.
func (p *page) note(id string, args map[string]any) { p.paragraph(p.say(id, args)) }

func (p *page) paragraph(text string) {
	for _, l := range wrap(text, p.prose()) {
		p.line(p.style.paint(faint, l))
	}
}

// ranHead is the answer where no rule found anything: who passes, and how close it was.
func (p *page) ranHead(r probe.RunReport) {
	tail := p.uncheckedTail(r.Report)
	asked, passed := 0, 0
	var room *int
	for _, x := range r.Probes {
		if x.Verdict == probe.NotRun {
			continue
		}
		asked++
		if x.Verdict == probe.Success {
			passed++
		}
		if h := x.HeadroomPercent; h != nil && (room == nil || *h < *room) {
			room = h
		}
	}
	args := map[string]any{"n": passed, "total": asked, "targets": p.targets(r.Scope), "left": -1}
	if room != nil {
		args["left"] = *room
	}
	switch {
	case len(r.Probes) == 0 && len(r.Scope.Targets) == 0:
		p.nothingThere(r.Report)
	case len(r.Probes) == 0 && len(r.NotChecked) == 0:
		p.headline(markInfo, p.say("ran-no-probes", args), tail)
	case asked == 0: // what could not be read may have probes
		p.headline(markInfo, p.say("ran-none-asked", args), tail)
	case passed < asked:
		p.headline(markInfo, p.say("ran-some-pass", args), tail)
	case len(r.NotChecked) > 0:
		p.headline(markInfo, p.say("ran-all-pass", args), tail)
	default:
		p.headline(markOK, p.say("ran-all-pass", args), tail)
	}
}

// ranProbes writes every probe that was asked in full, of many one line each.
func (p *page) ranProbes(r probe.RunReport) error {
	var all []probe.Ran
	for _, x := range r.Probes {
		if x.Verdict != probe.NotRun {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return nil
	}
	groups := ranByContainer(all)
	p.gap()
	if !p.wide && len(groups) > inFull {
		p.head(p.say("ran-many", map[string]any{"n": len(all), "containers": len(groups)}))
		return p.ranTable(all, r.Scope.Namespace)
	}
	p.head(p.say("ran-probes", map[string]any{"samples": all[0].Samples}))
	p.labels("probe-startup", "probe-readiness", "probe-liveness")
	for i, group := range groups {
		if i > 0 {
			p.gap()
		}
		first := group[0]
		p.line("  " + inline(p.say("probes-container", map[string]any{
			"object": inNamespace(first.Probe, r.Scope.Namespace), "name": first.Container, "sidecar": first.Role == probe.Sidecar,
		})))
		for _, x := range group {
			p.labelled("probe-"+string(x.Type), p.ranLines(x))
		}
	}
	return nil
}

func ranByContainer(all []probe.Ran) [][]probe.Ran {
	var out [][]probe.Ran
	for i, x := range all {
		if i > 0 && x.Pod == all[i-1].Pod && x.Namespace == all[i-1].Namespace && x.Container == all[i-1].Container {
			out[len(out)-1] = append(out[len(out)-1], x)
			continue
		}
		out = append(out, []probe.Ran{x})
	}
	return out
}

// ranLines says what was asked, what came of it, how fast, and what follows.
func (p *page) ranLines(x probe.Ran) []string {
	symbol, t := p.style.symbol(ranMark(x))
	lines := p.hung(p.ranVerdict(x))
	lines[0] = p.style.paint(t, symbol) + " " + lines[0]
	add := func(text string) {
		for _, l := range p.hung(text) {
			lines = append(lines, "  "+l)
		}
	}
	add(p.say("ran-by", map[string]any{"handler": x.Handler, "transport": p.say("transport-"+string(x.Transport), nil)}))
	if x.P95Ms != nil {
		add(p.latency(x))
	}
	if follows := p.follows(x); follows != "" {
		add(follows)
	}
	return lines
}

// tight is the headroom in per cent below which a passing probe is worth a look.
const tight = 20

func ranMark(x probe.Ran) mark {
	switch {
	case x.Verdict == probe.Failure && 2*x.Failed >= x.Samples:
		return markError
	case x.Verdict != probe.Success, x.RedirectedAway, x.HeadroomPercent != nil && *x.HeadroomPercent < tight:
		return markWarning
	}
	return markOK
}

// ranVerdict is the verdict with its reason, and how many of the runs had it.
func (p *page) ranVerdict(x probe.Ran) string {
	count := x.Passed
	switch x.Verdict {
	case probe.Failure:
		count = x.Failed
	case probe.Discarded:
		count = x.Discarded
	case probe.Success, probe.NotRun:
	}
	return p.say("ran-"+string(x.Verdict), map[string]any{"n": count, "of": x.Samples, "reason": inline(x.Reason)})
}

// latency puts the times beside the timeout.
func (p *page) latency(x probe.Ran) string {
	args := map[string]any{
		"p50": ms(*x.P50Ms), "p95": ms(*x.P95Ms), "max": ms(*x.MaxMs),
		"timeout": x.Values.TimeoutSeconds, "default": slices.Contains(x.Values.Default, probe.Timeout), "left": *x.HeadroomPercent, "one": x.Samples == 1,
	}
	return p.say("ran-latency", args)
}

// ms writes milliseconds with as many places as they deserve.
func ms(v float64) string {
	switch {
	case v < 1: // what the way takes is known less exactly than that
		return "<1 ms"
	case v < 10:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

// follows says what the kubelet makes of such answers; nothing of one that passes.
func (p *page) follows(x probe.Ran) string {
	if e := x.Outcome.Effect; e == probe.Passes || e == probe.Unknown {
		return ""
	}
	args := map[string]any{"span": ""}
	if from, to := x.Outcome.EarliestSeconds, x.Outcome.LatestSeconds; from != nil && to != nil {
		args["span"] = p.span(*from, *to)
	}
	return p.say("follows-"+string(x.Outcome.Effect), args)
}

// roomForTimes is the width from which on the table says times beside the headroom.
const roomForTimes = 80

// ranTable gives every probe one line.
func (p *page) ranTable(all []probe.Ran, namespace string) error {
	rows := make([]row, len(all))
	for i, x := range all {
		object, container := inNamespace(x.Probe, namespace), x.Container
		if i > 0 && x.Pod == all[i-1].Pod && x.Namespace == all[i-1].Namespace {
			object = ""
			if container == all[i-1].Container {
				container = ""
			}
		}
		slow, room := "", ""
		if x.P95Ms != nil {
			slow, room = ms(*x.P95Ms), fmt.Sprintf("%d%%", *x.HeadroomPercent)
		}
		if p.width > 0 && p.width < roomForTimes {
			slow = ""
		}
		rows[i] = row{ranMark(x), []string{object, container, p.say("probe-"+string(x.Type), nil), slow, room, p.ranVerdict(x)}}
	}
	return p.table("  ", p.headers("header-object", "header-container", "header-probe", "header-slow", "header-headroom", "header-verdict"), rows)
}
