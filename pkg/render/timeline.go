package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// momentsShown is how many moments Table shows, the newest.
const momentsShown = 40

// timelined writes what happened, the oldest first, so that the newest stands
// right above the prompt.
func (p *page) timelined(r inspect.TimelineReport) {
	p.headline(markInfo, p.say("timeline-head", map[string]any{"targets": p.targets(r.Scope), "n": len(r.Timeline)}), p.uncheckedTail(r.Report))
	all := r.Timeline
	if !p.wide && len(all) > momentsShown {
		p.gap()
		p.line("  " + p.style.paint(faint, p.say("timeline-earlier", map[string]any{"n": len(all) - momentsShown})))
		all = all[len(all)-momentsShown:]
	}
	ages, names := 0, 0
	for _, m := range all {
		ages, names = max(ages, columns(ago(r.TakenAt.Sub(m.At)))), max(names, columns(p.whose(m, r.Scope.Namespace)))
	}
	names = min(names, max(24, p.full()/3))
	day := ""
	for _, m := range all {
		if d := m.At.UTC().Format(time.DateOnly); d != day {
			day = d
			p.gap()
			p.line("  " + p.style.paint(strong, p.say("timeline-day", map[string]any{"day": d})))
		}
		p.happened(m, r, ages, names)
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
}

// happened is one line, or several where there is no room beside time and object.
func (p *page) happened(m inspect.Moment, r inspect.TimelineReport, ages, names int) {
	mk := noMark
	switch {
	case m.Warning:
		mk = markWarning
	case m.Kind == inspect.MomentChange || m.Kind == inspect.MomentRevision:
		mk = markInfo
	}
	symbol, t := p.style.symbol(mk)
	head := m.At.UTC().Format("15:04:05") + "  " + p.style.paint(faint, strings.Repeat(" ", ages-columns(ago(r.TakenAt.Sub(m.At))))+ago(r.TakenAt.Sub(m.At))) + "  "
	who := shorten(p.whose(m, r.Scope.Namespace), names, tableCut)
	what := inline(m.What)
	if m.Times > max(m.Objects, 1) || m.Until != nil && m.Times > 0 {
		last := ""
		if m.Until != nil {
			last = m.Until.UTC().Format("15:04:05")
		}
		what += " (" + p.say("timeline-times", map[string]any{"n": m.Times, "last": last}) + ")"
	}
	margin := 2 + 2 + 10 + ages + 2 + names + 2
	lines := []string{what}
	if p.width > 0 && !p.wide {
		lines = p.few(what, max(p.full()-margin, 24))
	}
	for i, l := range lines {
		if i == 0 {
			p.line("  " + p.style.paint(t, symbol) + " " + head + pad(who, names) + "  " + l)
			continue
		}
		p.line(strings.Repeat(" ", margin) + l)
	}
}

// whose names the object, or how many like ones.
func (p *page) whose(m inspect.Moment, namespace string) string {
	if m.Objects > 1 {
		return p.say("tree-several", map[string]any{"n": m.Objects, "kind": strings.ToLower(m.Object.Kind), "names": likeness(m.Members)})
	}
	return inline(within(m.Object, namespace))
}

// ago is a duration in two units at most: "3d4h", "12m", "40s".
func ago(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d >= 48*time.Hour:
		hours := int(d.Round(time.Hour).Hours())
		return fmt.Sprintf("%dd%dh", hours/24, hours%24)
	case d >= time.Hour:
		return strings.TrimSuffix(strings.TrimSuffix(d.Round(time.Minute).String(), "0s"), "0m")
	case d >= 10*time.Minute:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.String()
}
