package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// fitted writes what is the case in one sentence, then the workloads, the pods
// that wait already, and what was not reckoned with.
func (p *page) fitted(r quota.FitReport) error {
	m, text := p.fitHeadline(r)
	p.headline(m, text, p.uncheckedTail(r.Report))
	if err := p.fitTables(r); err != nil {
		return err
	}
	p.gaps(r)
	if len(r.Findings) > 0 {
		if err := p.findings(r.Report); err != nil {
			return err
		}
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

func (p *page) fitHeadline(r quota.FitReport) (mark, string) {
	if r.Drain != nil {
		return p.drainHeadline(r)
	}
	if len(r.Fit) == 0 {
		return markInfo, p.say("fit-none", map[string]any{"targets": p.targets(r.Scope), "unread": len(r.NotChecked) > 0})
	}
	subject := within(r.Fit[0].Workload, r.Scope.Namespace)
	if len(r.Fit) > 1 {
		subject = p.say("fit-subject", map[string]any{"n": len(r.Fit)})
	}
	args := map[string]any{"subject": subject, "nodes": r.Nodes, "added": p.added(r.Added)}
	pods, fits, most := 0, 0, 0
	for _, f := range r.Fit {
		pods += f.Asked
		if f.Fits == nil {
			continue
		}
		fits += min(*f.Fits, f.Asked)
		if f.FitsAtMost != nil {
			most += min(*f.FitsAtMost, f.Asked)
		} else {
			most += min(*f.Fits, f.Asked)
		}
	}
	args["pods"], args["fits"], args["most"] = pods, fits, most
	switch {
	case !r.Known():
		return markInfo, p.say("fit-unknown", args)
	case fits >= pods:
		return markOK, p.say("fit-whole", args)
	case len(r.Fit) == 1 && fits != most:
		return markInfo, p.say("fit-range", args)
	}
	args["fits"] = span(fits, most, len(r.Fit) > 1 && fits != most)
	return markWarning, p.say("fit-part", args)
}

func span(least, most int, wide bool) string {
	if !wide {
		return strconv.Itoa(least)
	}
	return strconv.Itoa(least) + "-" + strconv.Itoa(most)
}

func (p *page) added(a *quota.AddedNodes) string {
	if a == nil {
		return ""
	}
	return p.say("fit-added", map[string]any{"n": a.Nodes, "node": a.Like})
}

func (p *page) drainHeadline(r quota.FitReport) (mark, string) {
	d := r.Drain
	args := map[string]any{"node": strings.Join(d.Nodes, ", "), "pods": d.Pods, "added": p.added(r.Added), "n": len(d.Lost), "budgets": false}
	var blocking []string
	for _, b := range d.Budgets {
		if b.Blocks {
			blocking = append(blocking, b.Namespace+"/"+b.Name)
		}
	}
	if d.Fits == nil {
		return markInfo, p.say("fit-drain-unknown", args)
	}
	missing := d.Pods - len(d.Lost) - *d.Fits
	switch {
	case len(blocking) > 0:
		args["n"], args["names"], args["missing"] = len(blocking), strings.Join(blocking, ", "), missing
		return markError, p.say("fit-drain-blocked", args)
	case missing > 0:
		args["n"] = missing
		return markWarning, p.say("fit-drain-part", args)
	case !d.BudgetsKnown:
		args["budgets"] = true
		return markInfo, p.say("fit-drain-unknown", args)
	case len(d.Lost) > 0:
		return markWarning, p.say("fit-drain-lost", args)
	}
	return markOK, p.say("fit-drain-ok", args)
}

// gaps names what was not reckoned with, each once with the workloads that it is about.
func (p *page) gaps(r quota.FitReport) {
	var order []quota.NotModelled
	of := map[quota.NotModelled][]string{}
	add := func(w finding.Ref, all []quota.NotModelled) {
		name := within(w, r.Scope.Namespace)
		for _, g := range all {
			if of[g] == nil {
				order = append(order, g)
			}
			if !slices.Contains(of[g], name) {
				of[g] = append(of[g], name)
			}
		}
	}
	for _, f := range r.Fit {
		add(f.Workload, f.NotModelled)
	}
	for _, w := range r.Pending {
		add(w.Workload, w.NotModelled)
	}
	if len(order) == 0 {
		return
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("fit-gaps-head", nil)))
	for _, g := range order {
		p.bullet(markUnknown, p.say("fit-gap", map[string]any{"workload": p.names(of[g]), "text": p.gapText(g)}))
	}
}
