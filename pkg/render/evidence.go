package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// What Table shows of the evidence; Wide shows all of it.
const (
	evidenceShown = 6
	valueLines    = 4  // of one value
	blockLines    = 8  // of the end of a log
	minValue      = 40 // a value is not squeezed beside its object into less
)

// sight is a piece of evidence made ready to print.
type sight struct{ object, path, value string }

// evidence gives one line for each thing seen: the object, then "path = value"
// beside it, or below it where the terminal is too narrow for both. What has
// lines of its own, a log above all, hangs below as a block.
func (p *page) evidence(all []finding.Evidence) []string {
	shown := all
	if !p.wide && len(shown) > evidenceShown {
		shown = shown[:evidenceShown]
	}
	sights, names, paths := make([]sight, len(shown)), 0, 0
	for i, e := range shown {
		s := sight{inline(e.Object), inline(e.Path), strings.TrimSpace(e.Value)}
		names, paths = max(names, columns(s.object)), max(paths, columns(s.path))
		sights[i] = s
	}
	room := p.full() - p.margin() - names - 2
	beside := p.wide || room >= max(minValue, paths)
	var lines []string
	last := ""
	for _, s := range sights {
		object := s.object
		if object == last && !p.wide {
			object = ""
		}
		last = s.object
		switch {
		case beside:
			for i, l := range p.said(s, room) {
				if i > 0 {
					object = ""
				}
				lines = append(lines, strings.TrimRight(pad(object, names)+"  "+l, " "))
			}
			lines = append(lines, p.block(s, 2)...)
		default:
			if object != "" {
				lines = append(lines, object)
			}
			for _, l := range p.said(s, p.full()-p.margin()-2) {
				lines = append(lines, "  "+l)
			}
			lines = append(lines, p.block(s, 4)...)
		}
	}
	if n := len(all) - len(shown); n > 0 {
		lines = append(lines, p.style.paint(faint, p.say("more-evidence", map[string]any{"n": n})))
	}
	return lines
}

// blocky says that the value is shown as a block of its own lines.
func (s sight) blocky() bool {
	return s.path == "log" || strings.HasPrefix(s.path, "log ") || strings.Contains(s.value, "\n")
}

// said is "path = value", in Table on a few lines at most; of a block, the path
// alone. What is no field path ("event Killing") is not equal to anything.
func (p *page) said(s sight, width int) []string {
	value, text := inline(s.value), s.path
	switch {
	case s.blocky():
	case s.path == "":
		text = value
	case s.path == "events" || strings.Contains(s.path, " "):
		text += ": " + value
	case value == "":
		text += ` = ""`
	default:
		text += " = " + value
	}
	if p.wide {
		return []string{text}
	}
	return p.few(text, width)
}

// few wraps a value to a few lines. A longer one is cut in its middle: messages
// are wrapped by each layer that they pass, and the cause is at their end.
func (p *page) few(text string, width int) []string {
	lines := chop(text, width)
	for budget := valueLines * width; len(lines) > valueLines && budget > width; budget -= width / 4 {
		lines = chop(middle(text, budget, " "+p.style.ellipsis()+" "), width)
	}
	return lines
}

// block gives the lines of a value behind a bar, in Table the last of them, cut
// to the width.
func (p *page) block(s sight, indent int) []string {
	if !s.blocky() {
		return nil
	}
	all := strings.Split(strings.ReplaceAll(s.value, "\t", "    "), "\n")
	lead := strings.Repeat(" ", indent)
	var lines []string
	if n := len(all) - blockLines; n > 0 && !p.wide {
		lines = append(lines, lead+p.style.paint(faint, p.say("earlier-lines", map[string]any{"n": n})))
		all = all[n:]
	}
	for _, l := range all {
		if !p.wide {
			l = cut(l, p.full()-p.margin()-indent-2, p.style.ellipsis())
		}
		lines = append(lines, strings.TrimRight(lead+"| "+l, " "))
	}
	return lines
}
