package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// Bars are drawn this wide, as the terminal allows.
const (
	leastBar = 16
	mostBar  = 60
)

// timeline draws the life of one container: each story on a scale of its own,
// what lasts for certain solid, what may or may not shaded.
func (p *page) timeline(t probe.Timeline) {
	p.head(p.say("timeline", map[string]any{"pod": t.Pod, "container": t.Container}))
	if len(t.Bars) == 0 {
		p.line("  " + p.say("timeline-none", nil))
		return
	}
	label, tail := 0, 0
	for _, b := range t.Bars {
		label = max(label, columns(p.say("phase-"+string(b.Phase), nil)))
		tail = max(tail, columns(p.until(b)))
	}
	width := min(max(p.full()-label-tail-8, leastBar), mostBar)
	for _, story := range []probe.Story{probe.Up, probe.Never, probe.Fails} {
		bars, scale := ofStory(t.Bars, story)
		if len(bars) == 0 {
			continue
		}
		p.gap()
		p.line("  " + p.say("story-"+string(story), nil))
		for _, b := range bars {
			p.line("    " + pad(p.say("phase-"+string(b.Phase), nil), label) + "  " + p.bar(b, scale, width) + "  " + p.style.paint(faint, p.until(b)))
		}
	}
	sure, maybe := p.style.bars()
	p.gap()
	p.line("  " + p.style.paint(faint, p.say("timeline-legend", map[string]any{"sure": sure, "maybe": maybe})))
}

func ofStory(all []probe.Bar, story probe.Story) (bars []probe.Bar, scale int) {
	for _, b := range all {
		if b.Story == story {
			bars = append(bars, b)
			if b.Phase != probe.BackingOff {
				scale = max(scale, b.Ends.Latest)
			}
		}
	}
	// The back-off is many times longer than the rest, and would leave it no room: it
	// gets a third of the width, and runs out of it.
	if len(bars) > 0 && bars[len(bars)-1].Phase == probe.BackingOff {
		scale += scale / 2
	}
	return bars, max(scale, 1)
}

func (p *page) until(b probe.Bar) string {
	return p.say("bar-ends", map[string]any{"span": p.span(b.Ends.Earliest, b.Ends.Latest)})
}

// bar draws one phase on a scale of so many seconds for the whole width.
func (p *page) bar(b probe.Bar, scale, width int) string {
	sure, maybe := p.style.bars()
	at := func(seconds int) int { return (seconds*width + scale/2) / scale }
	var out strings.Builder
	for i := range width {
		switch {
		case i == width-1 && at(b.Ends.Latest) > width:
			out.WriteString(p.style.beyond())
		case i < at(b.Begins.Earliest), i >= max(at(b.Ends.Latest), at(b.Begins.Earliest)+1):
			out.WriteByte(' ')
		case i >= at(b.Begins.Latest) && i < at(b.Ends.Earliest):
			out.WriteString(sure)
		default:
			out.WriteString(maybe)
		}
	}
	return out.String()
}

// bars are the characters that bars are drawn with: for certain, and perhaps.
func (s style) bars() (sure, maybe string) {
	if s.ascii {
		return "#", "."
	}
	return "█", "░"
}

// beyond ends a bar that goes on outside the drawing.
func (s style) beyond() string {
	if s.ascii {
		return ">"
	}
	return "▶"
}
