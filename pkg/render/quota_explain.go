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
			for _, f := range w.Formulas {
				p.formula(p.side(f), total(f))
			}
		}
		for i, u := range ns.Quotas {
			if i == 0 || ns.Quotas[i-1].Quota != u.Quota {
				p.line("  " + within(finding.Ref{Kind: "ResourceQuota", Namespace: ns.Namespace, Name: u.Quota}, a.report.Scope.Namespace))
			}
			p.formula(u.Resource, p.say("audit-quota-formula", map[string]any{"used": u.Used, "hard": u.Hard, "percent": u.Percent, "formula": u.Formula, "soft": u.Soft, "from": string(u.SoftFrom)}))
		}
	}
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

// formula writes a name and, beside or below it, the formula.
func (p *page) formula(name, text string) {
	const least = 18
	column := max(least, columns(name))
	for i, l := range wrap(text, p.full()-4-column-1) {
		if i > 0 {
			name = ""
		}
		p.line("    " + pad(name, column) + " " + l)
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
		for _, f := range w.Formulas {
			p.formula(p.side(f), total(f))
		}
		for _, c := range w.Constraints {
			if c.Formula != "" {
				p.formula(p.binding(c.Kind, c.Name, c.Resource), c.Formula)
			}
			for _, n := range c.Nodes {
				p.formula(n.Node, n.Formula)
			}
		}
		if w.Update != nil {
			p.formula(p.say("headroom-update", nil), w.Update.Formula)
		}
		if w.Autoscaler != nil {
			p.formula(p.say("headroom-hpa", nil), w.Autoscaler.Formula)
		}
	}
}
