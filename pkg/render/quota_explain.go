package render

import (
	"fmt"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// ranges lists LimitRanges, where one namespace is asked about or all is wanted.
func (a auditPart) ranges(p *page) error {
	if !p.wide && a.report.Scope.Namespace == "" {
		return nil
	}
	var lines []row
	for _, ns := range a.report.Namespaces {
		for _, u := range ns.LimitRanges {
			name := within(finding.Ref{Kind: "LimitRange", Namespace: ns.Namespace, Name: u.LimitRange}, a.report.Scope.Namespace)
			lines = append(lines, row{cells: []string{name, u.Type, u.Resource, u.Min, u.DefaultRequest, u.Default, u.Max, u.Ratio}})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("audit-ranges", nil)))
	headers := []string{"LIMITRANGE", p.say("audit-type", nil), p.say("audit-resource", nil), "MIN", "DEFAULTREQUEST", "DEFAULT", "MAX", "RATIO"}
	return p.table("  ", headers, lines)
}

// explain writes the formula of every number, with its numbers.
func (a auditPart) explain(p *page) {
	p.gap()
	p.line(p.style.paint(strong, p.say("audit-explain", nil)))
	for _, ns := range a.report.Namespaces {
		for _, w := range ns.Workloads {
			if len(w.Formulas) == 0 {
				continue
			}
			p.line("  " + within(w.Workload, a.report.Scope.Namespace))
			p.formulas(p.sides(w.Formulas))
		}
		for rest := ns.Quotas; len(rest) > 0; {
			name := rest[0].Quota
			p.line("  " + within(finding.Ref{Kind: "ResourceQuota", Namespace: ns.Namespace, Name: name}, a.report.Scope.Namespace))
			var lines []formula
			for ; len(rest) > 0 && rest[0].Quota == name; rest = rest[1:] {
				u := rest[0]
				lines = append(lines, formula{u.Resource, p.say("audit-quota-formula", map[string]any{"used": u.Used, "hard": u.Hard, "percent": u.Percent, "formula": u.Formula, "soft": u.Soft, "from": string(u.SoftFrom)})})
			}
			p.formulas(lines)
		}
	}
}

// formula is what a number is called, and how it comes about.
type formula struct{ name, text string }

// sides are the formulas of requests and limits.
func (p *page) sides(all []quota.Formula) []formula {
	var out []formula
	for _, f := range all {
		out = append(out, formula{p.side(f), total(f)})
	}
	return out
}

// side is "cpu request" or "cpu limit".
func (p *page) side(f quota.Formula) string {
	args := map[string]any{"resource": f.Resource}
	if f.Of == "limit" {
		return p.say("audit-limit", args)
	}
	return p.say("audit-request", args)
}

// total is "3 x 850m = 2550m, each max(app 500m + side 200m, init 600m)".
func total(f quota.Formula) string {
	if f.Pods == 1 {
		return fmt.Sprintf("%s = %s", f.Each, f.Terms)
	}
	return fmt.Sprintf("%s = %d x %s; %s = %s", f.Total, f.Pods, f.Each, f.Each, f.Terms)
}

// formulas writes names and, beside them, the formulas; a long name stands by itself.
func (p *page) formulas(all []formula) {
	const least, most = 18, 36
	column := least
	for _, f := range all {
		if n := columns(f.name); n <= most {
			column = max(column, n)
		}
	}
	for _, f := range all {
		name := f.name
		if columns(name) > column {
			p.line("    " + name)
			name = ""
		}
		for i, l := range wrap(f.text, p.full()-4-column-1) {
			if i > 0 {
				name = ""
			}
			p.line("    " + pad(name, column) + " " + l)
		}
	}
}

// explain writes the formulas, where they were asked for.
func (h headroomPart) explain(p *page) {
	for _, w := range h.report.Headroom {
		if len(w.Formulas) == 0 {
			continue
		}
		p.gap()
		p.line(p.style.paint(strong, p.say("headroom-explain", map[string]any{"workload": within(w.Workload, h.report.Scope.Namespace)})))
		lines := p.sides(w.Formulas)
		for _, c := range w.Constraints {
			if c.Formula != "" {
				lines = append(lines, formula{p.binding(c.Kind, c.Name, c.Resource), c.Formula})
			}
			for _, n := range c.Nodes {
				lines = append(lines, formula{n.Node, n.Formula})
			}
		}
		if w.Update != nil {
			lines = append(lines, formula{p.say("headroom-update", nil), w.Update.Formula})
		}
		if w.Autoscaler != nil {
			lines = append(lines, formula{p.say("headroom-hpa", nil), w.Autoscaler.Formula})
		}
		p.formulas(lines)
	}
}
