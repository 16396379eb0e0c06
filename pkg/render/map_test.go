package render

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Any map can be drawn: boxes do not lie on each other, the picture holds them
// all, and names that want to be markup stay text.
func TestAnyMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 9).Draw(rt, "nodes")
		r := calls.Report{Report: finding.NewReport("map", takenAt, finding.Scope{Namespace: "<b>"}, nil, nil, 0)}
		for i := range n {
			name := rapid.StringMatching(`(<script>|"|'|&|\\|한국|a-b|]]>|-->){1,3}`).Draw(rt, "name")
			r.Nodes = append(r.Nodes, calls.Node{ID: string(rune('a' + i)), Sort: rapid.SampledFrom([]calls.Sort{calls.Served, calls.Entry, calls.Outside, calls.Worker}).Draw(rt, "sort"), Name: name, Object: ref("Service", name)})
		}
		for i := 0; n > 1 && i < rapid.IntRange(0, 14).Draw(rt, "calls"); i++ {
			from, to := rapid.IntRange(0, n-1).Draw(rt, "from"), rapid.IntRange(0, n-1).Draw(rt, "to")
			if from != to {
				r.Calls = append(r.Calls, calls.Arrow{From: r.Nodes[from].ID, To: r.Nodes[to].ID, Certainty: calls.Shared, Ports: []string{"<80>"}, Basis: []calls.Basis{{Source: calls.FromEnv, Path: "]]>", Value: "<script>"}}})
			}
		}
		widths := make([]int, n)
		for i := range widths {
			widths[i] = 60 + 10*i
		}
		d := arrange(r, widths)
		for i, x := range d.boxes {
			if x.x < 0 || x.y < 0 || x.x+x.w > d.width || x.y+x.h > d.height {
				rt.Fatalf("box %+v is not within %d x %d", x, d.width, d.height)
			}
			for _, y := range d.boxes[:i] {
				if x.x < y.x+y.w && y.x < x.x+x.w && x.y < y.y+y.h && y.y < x.y+x.h {
					rt.Fatalf("%+v lies on %+v", x, y)
				}
			}
		}
		for _, as := range []MapFormat{SVG, HTML, Dot, Mermaid} {
			var b strings.Builder
			if err := WriteMap(&b, r, as, Options{Lang: lang.Korean}); err != nil {
				rt.Fatal(err)
			}
			if as != SVG {
				if n := strings.Count(b.String(), "<script>"); as == HTML && n != 1 {
					rt.Fatalf("%d scripts", n)
				}
				continue
			}
			for dec := xml.NewDecoder(strings.NewReader(b.String())); ; {
				if _, err := dec.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					rt.Fatalf("%v in %s", err, b.String())
				}
			}
		}
	})
}
