package render

import (
	"fmt"
	"html"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
)

const svgStyle = `
.box{fill:#fff;stroke:#57606a;stroke-width:1.5}.ok .box{stroke:#1a7f37}.bad .box{stroke:#cf222e;stroke-width:2.5}.half .box{stroke:#9a6700;stroke-width:2.5}
.entry .box{fill:#ddf4ff;stroke:#0969da}.outside .box{fill:#f6f8fa;stroke-dasharray:4 3}
.name{font:600 13px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}.more{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#59636e}
.call{fill:none;stroke:#57606a;stroke-width:1.5}.shared{stroke-dasharray:6 4}.allowed{stroke-dasharray:2 4}
.port{font:10px ui-monospace,Menlo,Consolas,monospace;fill:#59636e;paint-order:stroke;stroke:#fff;stroke-width:3px}
.faded{opacity:.12}
`

// svg draws the map as a picture that stands alone.
func (p *page) svg(r calls.Report) string {
	widths := make([]int, len(r.Nodes))
	lines := make([][2]string, len(r.Nodes))
	for i, n := range r.Nodes {
		lines[i] = p.boxText(n)
		widths[i] = letter*max(columns(lines[i][0]), columns(lines[i][1])-1, 8) + 28
	}
	d := arrange(r, widths)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		d.width, d.height, d.width, d.height, html.EscapeString(p.say("map-title", map[string]any{"namespace": r.Scope.Namespace})))
	b.WriteString("<style>" + svgStyle + "</style>")
	b.WriteString(`<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#57606a"/></marker></defs>`)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`, d.width, d.height)
	b.WriteByte('\n')
	at := indexOf(r.Nodes)
	for _, c := range r.Calls {
		p.svgCall(&b, c, at[c.From], at[c.To], d)
	}
	for i, n := range r.Nodes {
		svgBox(&b, n, i, lines[i], d.boxes[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// boxText is what stands in a box: the name, and below it what runs there.
func (p *page) boxText(n calls.Node) [2]string {
	switch n.Sort {
	case calls.Entry:
		return [2]string{n.Object.String(), strings.Join(n.Hosts, ", ")}
	case calls.Outside:
		return [2]string{n.Name, p.say("map-outside", nil)}
	case calls.Served, calls.Worker:
	}
	var below string
	switch len(n.Workloads) {
	case 0:
		below = p.say("map-nothing-behind", nil)
	case 1:
		below = strings.ToLower(n.Workloads[0].Object.Kind)
	default:
		below = p.say("map-workloads", map[string]any{"n": len(n.Workloads)})
	}
	if state := readiness(n); state != "" {
		below += " " + state
	}
	return [2]string{n.Name, below}
}

func svgBox(b *strings.Builder, n calls.Node, i int, text [2]string, at box) {
	class := string(n.Sort)
	m := noMark
	for _, w := range n.Workloads {
		m = worseMark(m, readyMark(w))
	}
	switch m {
	case markOK:
		class += " ok"
	case markError:
		class += " bad"
	case markProgress:
		class += " half"
	default:
	}
	fmt.Fprintf(b, `<g class="node %s" data-node="%d"><rect class="box" x="%d" y="%d" width="%d" height="%d" rx="8"/>`, class, i, at.x, at.y, at.w, at.h)
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d" text-anchor="middle">%s</text>`, at.x+at.w/2, at.y+20, html.EscapeString(text[0]))
	fmt.Fprintf(b, `<text class="more" x="%d" y="%d" text-anchor="middle">%s</text></g>`, at.x+at.w/2, at.y+36, html.EscapeString(text[1]))
	b.WriteByte('\n')
}

// svgCall draws an arrow from the right side of the caller to the left side of
// the callee; one that leads back runs below both.
func (p *page) svgCall(b *strings.Builder, c calls.Arrow, from, to int, d drawing) {
	f, t := d.boxes[from], d.boxes[to]
	x1, y1, x2, y2 := f.x+f.w, f.y+f.h/2, t.x-2, t.y+t.h/2
	bend := max(40, (x2-x1)/2)
	path := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
	mx, my := (x1+x2)/2, (y1+y2)/2
	if x2-x1 > 2*layerGap { // it passes behind other boxes: only its end is free of them
		mx, my = x2-layerGap/2, y2+(y1-y2)/20
	}
	if x2 <= x1 {
		x1, y1, x2, y2 = f.x+f.w/2, f.y+f.h, t.x+t.w/2, t.y+t.h+2
		low := max(y1, y2) + 34
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, low, x2, low, x2, y2)
		mx, my = (x1+x2)/2, low-8
	}
	fmt.Fprintf(b, `<g data-from="%d" data-to="%d"><title>%s</title><path class="call %s" d="%s" marker-end="url(#head)"/>`, from, to,
		html.EscapeString(c.From+" → "+c.To+"\n"+p.allOf(c)), c.Certainty, path)
	if len(c.Ports) > 0 {
		fmt.Fprintf(b, `<text class="port" x="%d" y="%d" text-anchor="middle">%s</text>`, mx, my-4, html.EscapeString(strings.Join(c.Ports, ",")))
	}
	b.WriteString("</g>\n")
}
