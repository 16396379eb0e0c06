package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
)

// MapFormat is a picture of a map.
type MapFormat string

// Mermaid and Dot are sources for those tools. SVG is a picture. HTML is a page
// with the picture in it that needs nothing but itself.
const (
	Mermaid MapFormat = "mermaid"
	Dot     MapFormat = "dot"
	SVG     MapFormat = "svg"
	HTML    MapFormat = "html"
)

// WriteMap draws a map.
func WriteMap(w io.Writer, report calls.Report, as MapFormat, o Options) error {
	texts, err := loadMessages()
	if err != nil {
		return err
	}
	r, ok := prepared(report).(calls.Report)
	if !ok {
		return fmt.Errorf("render: %T is not a map", report)
	}
	p := newPage(texts, o)
	var out string
	switch as {
	case Mermaid:
		out = p.mermaid(r)
	case Dot:
		out = p.dot(r)
	case SVG:
		out = p.svg(r)
	case HTML:
		if out, err = p.mapPage(r); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown picture %q", as)
	}
	if _, err := io.WriteString(w, out); err != nil {
		return fmt.Errorf("write map: %w", err)
	}
	return nil
}

// mapped writes the map as text: each caller with those it calls, and why.
func (p *page) mapped(r calls.Report) error {
	head := p.say("map-head", map[string]any{"namespace": r.Scope.Namespace, "nodes": len(r.Nodes), "calls": len(r.Calls)})
	if len(r.Nodes) == 0 && len(r.NotChecked) > 0 {
		head = p.say("view-unread", map[string]any{"targets": p.targets(r.Scope)})
	}
	p.headline(markInfo, head, p.uncheckedTail(r.Report))
	names := map[string]string{}
	for _, n := range r.Nodes {
		names[n.ID] = n.Name
	}
	var silent, last []calls.Node
	for _, n := range r.Nodes {
		var own []calls.Arrow
		called := false
		for _, c := range r.Calls {
			called = called || c.To == n.ID
			if c.From == n.ID {
				own = append(own, c)
			}
		}
		if len(own) == 0 {
			if called {
				last = append(last, n)
			} else {
				silent = append(silent, n)
			}
			continue
		}
		p.gap()
		p.line(p.caller(n))
		rows := make([]row, len(own))
		for i, c := range own {
			to := names[c.To]
			if len(c.Ports) > 0 {
				to += ":" + strings.Join(c.Ports, ",")
			}
			rows[i] = row{cells: []string{p.stroke(c.Certainty) + " " + to, p.why(c)}}
		}
		if err := p.table("    ", nil, rows); err != nil {
			return err
		}
	}
	p.parties(p.say("map-last", nil), last)
	p.parties(p.say("map-silent", nil), silent)
	p.mapLegend(r)
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

// parties lists nodes that call nobody.
func (p *page) parties(head string, nodes []calls.Node) {
	if len(nodes) == 0 {
		return
	}
	p.gap()
	p.line(p.style.paint(strong, head))
	for _, n := range nodes {
		p.line(p.caller(n))
	}
}

// caller is a node with what runs behind it.
func (p *page) caller(n calls.Node) string {
	m := noMark
	var behind []string
	for _, w := range n.Workloads {
		s := w.Object.String()
		if w.Ready != nil && w.Desired != nil {
			s += " " + p.say("map-ready", map[string]any{"ready": *w.Ready, "desired": *w.Desired})
		}
		behind = append(behind, s)
		m = worseMark(m, readyMark(w))
	}
	symbol, t := p.style.symbol(m)
	head := n.Name
	if n.Sort == calls.Entry {
		head = n.Object.String()
	}
	out := "  " + p.style.paint(t, symbol) + " " + p.style.paint(strong, inline(head))
	if len(n.Hosts) > 0 && n.Sort == calls.Entry {
		out += "  " + inline(strings.Join(n.Hosts, ", "))
	}
	if len(n.Also) > 0 {
		out += "  " + inline(p.say("map-also", map[string]any{"names": strings.Join(n.Also, ", ")}))
	}
	if len(behind) > 0 {
		out += "  " + p.style.paint(faint, inline(strings.Join(behind, ", ")))
	}
	return out
}

func readyMark(w calls.Workload) mark {
	switch {
	case w.Ready == nil || w.Desired == nil:
		return noMark
	case *w.Ready >= *w.Desired:
		return markOK
	case *w.Ready == 0:
		return markError
	}
	return markProgress
}

func worseMark(x, y mark) mark {
	order := []mark{noMark, markOK, markProgress, markError}
	if slices.Index(order, y) > slices.Index(order, x) {
		return y
	}
	return x
}

// stroke is the arrow of a certainty, which can be told apart without colour.
func (p *page) stroke(c calls.Certainty) string {
	switch c {
	case calls.Shared:
		return p.style.either("⇢", "-?>")
	case calls.Allowed:
		return p.style.either("┈▸", "..>")
	case calls.Declared:
	}
	return p.style.arrow()
}

// why names what an arrow rests on, in Table the first of it.
func (p *page) why(c calls.Arrow) string {
	var all []string
	for _, b := range c.Basis {
		all = append(all, p.basis(b))
	}
	all = slices.Compact(all)
	if !p.wide && len(all) > 1 {
		return all[0] + " " + p.say("map-more", map[string]any{"n": len(all) - 1})
	}
	return strings.Join(all, "; ")
}

func (p *page) basis(b calls.Basis) string {
	path := b.Path
	if b.Source == calls.FromEnv {
		if i := strings.LastIndex(path, ".env["); i >= 0 {
			path = strings.TrimSuffix(path[i+5:], "]")
		}
	}
	return inline(p.say("map-basis-"+string(b.Source), map[string]any{"object": b.Object.String(), "path": path, "value": b.Value, "takers": strconv.Itoa(b.Takers), "shared": b.Takers > 1}))
}

// mapLegend says what the strokes mean that were used and do not explain themselves.
func (p *page) mapLegend(r calls.Report) {
	for _, c := range []calls.Certainty{calls.Shared, calls.Allowed} {
		if slices.ContainsFunc(r.Calls, func(a calls.Arrow) bool { return a.Certainty == c }) {
			p.gap()
			p.line("  " + p.stroke(c) + " " + p.style.paint(faint, p.say("map-legend-"+string(c), nil)))
		}
	}
}
