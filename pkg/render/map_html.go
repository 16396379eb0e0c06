package render

import (
	"fmt"
	"html/template"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
)

// mapTemplate is a page that loads nothing: style, picture and script are in it,
// and its policy forbids everything else.
var mapTemplate = sync.OnceValues(func() (*template.Template, error) {
	return template.New("map").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{{.Title}}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:0;color:#1f2328;background:#f6f8fa}
main{max-width:1400px;margin:0 auto;padding:24px}
h1{font-size:20px;margin:0 0 4px}p{margin:0 0 16px;color:#59636e}
.rows{overflow-x:auto}
.picture{background:#fff;border:1px solid #d1d9e0;border-radius:8px;overflow:auto;padding:8px}
.picture .node{cursor:pointer}
.legend{display:flex;gap:24px;flex-wrap:wrap;margin:12px 0 24px;color:#59636e;font-size:13px}
.legend svg{vertical-align:middle;margin-right:6px}
table{border-collapse:collapse;width:100%;min-width:720px;background:#fff;font-size:13px}
th,td{text-align:left;padding:6px 10px;border:1px solid #d1d9e0;vertical-align:top}
th{background:#f6f8fa}td{font-family:ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
tr.hidden{display:none}
</style></head><body><main>
<h1>{{.Title}}</h1>
<p>{{.Taken}}</p>
<div class="picture">{{.Picture}}</div>
<div class="legend">
{{range .Legend}}<span><svg width="44" height="10"><path d="M0 5H44" stroke="#57606a" stroke-width="2" stroke-dasharray="{{.Dash}}"/></svg>{{.Text}}</span>
{{end}}</div>
<div class="rows"><table><thead><tr>{{range .Heads}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr data-from="{{.From}}" data-to="{{.To}}"><td>{{.Caller}}</td><td>{{.Callee}}</td><td>{{.Ports}}</td><td>{{.Certainty}}</td><td>{{range .Basis}}{{.}}<br>{{end}}</td></tr>
{{end}}</tbody></table></div>
{{if .NotChecked}}<h2>{{.NotCheckedHead}}</h2><ul>{{range .NotChecked}}<li>{{.}}</li>{{end}}</ul>{{end}}
</main><script>
(function(){
var chosen=null, nodes=document.querySelectorAll('.node'), arrows=document.querySelectorAll('.picture [data-from]'), rows=document.querySelectorAll('tr[data-from]');
function show(){
  var near={};
  function touches(e){return chosen===null||e.dataset.from===chosen||e.dataset.to===chosen}
  arrows.forEach(function(e){var t=touches(e);e.classList.toggle('faded',!t);if(t){near[e.dataset.from]=near[e.dataset.to]=true}});
  rows.forEach(function(e){e.classList.toggle('hidden',!touches(e))});
  nodes.forEach(function(e){e.classList.toggle('faded',chosen!==null&&e.dataset.node!==chosen&&!near[e.dataset.node])});
}
nodes.forEach(function(e){e.addEventListener('click',function(){chosen=chosen===e.dataset.node?null:e.dataset.node;show()})});
})();
</script></body></html>
`)
})

type mapRow struct {
	From, To                         int
	Caller, Callee, Ports, Certainty string
	Basis                            []string
}

type mapStroke struct{ Dash, Text string }

// mapPage is the page around the picture.
func (p *page) mapPage(r calls.Report) (string, error) {
	page, err := mapTemplate()
	if err != nil {
		return "", fmt.Errorf("read the page of the map: %w", err)
	}
	at := indexOf(r.Nodes)
	var rows []mapRow
	for _, c := range r.Calls {
		rows = append(rows, mapRow{
			From: at[c.From], To: at[c.To], Caller: r.Nodes[at[c.From]].Name, Callee: r.Nodes[at[c.To]].Name, Ports: strings.Join(c.Ports, ", "),
			Certainty: p.say("map-certainty-"+string(c.Certainty), nil), Basis: strings.Split(p.allOf(c), "\n"),
		})
	}
	var unchecked []string
	for _, n := range r.NotChecked {
		unchecked = append(unchecked, n.What+" "+p.style.dash()+" "+n.Why)
	}
	var b strings.Builder
	err = page.Execute(&b, map[string]any{
		"Lang": string(p.lang), "Title": p.say("map-title", map[string]any{"namespace": r.Scope.Namespace}),
		"Taken": p.say("map-taken", map[string]any{"at": r.TakenAt.UTC().Format(time.RFC3339), "context": r.Scope.Context}),
		// The picture is made by svg, which escapes every text that it takes in.
		"Picture": template.HTML(p.svg(r)), //nolint:gosec // see above
		"Legend": []mapStroke{
			{"", p.say("map-certainty-declared", nil)}, {"6 4", p.say("map-legend-shared", nil)}, {"2 4", p.say("map-legend-allowed", nil)},
		},
		"Heads": p.headers("map-caller", "map-callee", "map-port", "map-certainty", "map-why"), "Rows": rows,
		"NotChecked": unchecked, "NotCheckedHead": p.say("not-checked", nil),
	})
	if err != nil {
		return "", fmt.Errorf("write the page of the map: %w", err)
	}
	return b.String(), nil
}
