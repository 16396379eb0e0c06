package render

import (
	"fmt"
	"sort"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// linksShown is how many related objects Table lists of one object.
const linksShown = 10

// rowsShown is up to how many objects Table lists each; of more, those that are
// well are only counted.
const rowsShown = 40

// explained writes what each object is; of many, Table gives one line each.
func (p *page) explained(all []inspect.Object, namespace string) error {
	if !p.wide && len(all) > inFull {
		return p.overview(all, namespace)
	}
	for _, o := range all {
		p.gap()
		if err := p.object(o); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) overview(all []inspect.Object, namespace string) error {
	p.gap()
	p.line(p.style.paint(strong, p.say("objects", map[string]any{"n": len(all)})))
	for _, l := range wrap(p.byKind(all), p.prose()-2) {
		p.line("  " + l)
	}
	var rows []row
	for _, o := range all {
		if len(all) <= rowsShown || o.Health != inspect.Healthy {
			rows = append(rows, row{healthMark(o.Health), []string{within(o.Object, namespace), p.state(o.Status, o.Health)}})
		}
	}
	if len(rows) > 0 {
		p.gap()
		if err := p.table("  ", p.headers("header-object", "header-state"), rows); err != nil {
			return err
		}
	}
	if n := len(all) - len(rows); n > 0 {
		p.line("    " + p.style.paint(faint, p.say("more-healthy", map[string]any{"n": n})))
	}
	return nil
}

// byKind is how many there are of each kind, and how many of them are not well.
func (p *page) byKind(all []inspect.Object) string {
	var kinds []string
	of := map[string]map[inspect.Health]int{}
	for _, o := range all {
		kind := o.Object.Kind
		if of[kind] == nil {
			kinds = append(kinds, kind)
			of[kind] = map[inspect.Health]int{}
		}
		of[kind][o.Health]++
	}
	for i, kind := range kinds {
		n := of[kind][inspect.Healthy]
		var ill []string
		for _, h := range []inspect.Health{inspect.Unwell, inspect.Progressing, inspect.Unknown} {
			if count := of[kind][h]; count > 0 {
				n += count
				symbol, _ := p.style.symbol(healthMark(h))
				ill = append(ill, fmt.Sprint(symbol, " ", count))
			}
		}
		kinds[i] = fmt.Sprint(kind, " ", n)
		if len(ill) > 0 {
			kinds[i] += " (" + strings.Join(ill, ", ") + ")"
		}
	}
	return strings.Join(kinds, ", ")
}

func (p *page) object(o inspect.Object) error {
	_, t := p.style.symbol(healthMark(o.Health))
	p.line(p.style.paint(strong, inline(p.named(o.Object))) + " " + p.style.dash() + " " + p.style.paint(t, inline(p.state(o.Status, o.Health))))
	for _, l := range wrap(o.Summary, p.prose()-2) {
		p.line("  " + l)
	}
	if len(o.Compare) > 0 {
		p.gap()
		if err := p.table("  ", p.headers("header-what", "header-desired", "header-observed"), compared(o.Compare)); err != nil {
			return err
		}
	}
	if m := o.Managed; m != nil {
		p.gap()
		p.bullet(markInfo, m.Text)
	}
	if w := o.Warning; w != nil {
		p.gap()
		p.bullet(markWarning, p.say("last-warning", map[string]any{"object": w.Object, "event": strings.TrimPrefix(w.Path, "event "), "message": w.Value}))
	}
	return p.links(o)
}

// state is the few words there are on an object, else its health; the mark
// beside them tells the health in any case.
func (p *page) state(words string, h inspect.Health) string {
	if words != "" {
		return words
	}
	return p.say("health-"+string(h), nil)
}

func compared(all []inspect.Comparison) []row {
	rows := make([]row, len(all))
	for i, c := range all {
		m := noMark
		if c.OK != nil {
			m = markError
			if *c.OK {
				m = markOK
			}
		}
		rows[i] = row{m, []string{c.What, c.Desired, c.Observed}}
	}
	return rows
}

// links writes the owners and the related objects. Where there are too many for
// Table, those that are unwell stay.
func (p *page) links(o inspect.Object) error {
	all := append(append([]inspect.Link(nil), o.Owners...), o.Related...)
	if len(all) == 0 {
		return nil
	}
	shown := all
	if !p.wide && len(all) > linksShown {
		shown = worst(all, linksShown)
	}
	rows := make([]row, len(shown))
	for i, l := range shown {
		rows[i] = row{healthMark(l.Health), []string{
			within(l.Object, o.Object.Namespace), p.say("relation-"+string(l.Relation), nil), p.state(l.Note, l.Health),
		}}
	}
	p.gap()
	if err := p.table("  ", p.headers("header-object", "header-relation", "header-state"), rows); err != nil {
		return err
	}
	if n := len(all) - len(shown); n > 0 {
		p.line("    " + p.style.paint(faint, p.say("more-links", map[string]any{"n": n})))
	}
	return nil
}

// worst keeps n links, the unwell before the healthy, in their order.
func worst(all []inspect.Link, n int) []inspect.Link {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return ill(all[order[i]].Health) > ill(all[order[j]].Health) })
	order = order[:n]
	sort.Ints(order)
	out := make([]inspect.Link, n)
	for i, at := range order {
		out[i] = all[at]
	}
	return out
}

// ill orders healths: the worse, the higher.
func ill(h inspect.Health) int {
	switch h {
	case inspect.Unwell:
		return 3
	case inspect.Unknown:
		return 2
	case inspect.Progressing:
		return 1
	case inspect.Healthy:
	}
	return 0
}

func (p *page) headers(ids ...string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = p.say(id, nil)
	}
	return out
}
