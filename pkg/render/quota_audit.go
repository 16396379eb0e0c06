package render

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// auditPart is what is asked for, granted and used.
type auditPart struct{ report quota.AuditReport }

func (a auditPart) nothing(p *page) {
	args := map[string]any{"targets": p.targets(finding.Scope{Namespace: a.report.Scope.Namespace}), "spaces": len(a.report.Namespaces), "unread": len(a.report.NotChecked) > 0}
	tail := p.uncheckedTail(a.report.Report)
	switch {
	case len(a.report.Namespaces) == 0:
		p.headline(markInfo, p.say("audit-empty", args), tail)
	case len(a.report.NotChecked) > 0:
		p.headline(markInfo, p.say("audit-readable", args), tail)
	default:
		p.headline(markOK, p.say("audit-nothing", args), tail)
	}
}

// auditRow is one line of the table, with what it is sorted by.
type auditRow struct {
	name, qos               string
	pods                    int
	requests, limits, usage []quota.Amount
	// offered is what nodes have.
	offered []quota.Amount
}

func (a auditPart) write(p *page) error {
	if len(a.report.Namespaces) == 0 {
		return nil
	}
	if err := a.table(p); err != nil {
		return err
	}
	a.basis(p)
	if err := a.quotas(p); err != nil {
		return err
	}
	if err := a.ranges(p); err != nil {
		return err
	}
	if a.report.View.Explain {
		a.explain(p)
	}
	return nil
}

// table is what is asked for and used.
func (a auditPart) table(p *page) error {
	rows := a.rows()
	a.order(rows)
	left := 0
	if top := a.report.Top; top > 0 && len(rows) > top {
		left, rows = len(rows)-top, rows[:top]
	}
	if len(rows) == 0 {
		return nil
	}
	var lines []row
	for _, r := range rows {
		lines = append(lines, row{cells: []string{
			r.name, outOf(strconv.Itoa(r.pods), amountOf(r.offered, "pods")), r.qos,
			outOf(amountOf(r.requests, "cpu"), amountOf(r.offered, "cpu")), amountOf(r.limits, "cpu"), amountOf(r.usage, "cpu"),
			outOf(amountOf(r.requests, "memory"), amountOf(r.offered, "memory")), amountOf(r.limits, "memory"), amountOf(r.usage, "memory"), others(r.requests),
		}})
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("audit-head", nil)))
	headers := []string{
		p.rowHead(a.report.View), p.say("audit-pods", nil), p.say("audit-qos", nil),
		p.say("audit-cpu", nil), p.say("audit-cpu-limit", nil), p.say("audit-cpu-used", nil),
		p.say("audit-memory", nil), p.say("audit-memory-limit", nil), p.say("audit-memory-used", nil), p.say("audit-other", nil),
	}
	if err := p.table("  ", headers, lines); err != nil {
		return err
	}
	if left > 0 {
		p.line("  " + p.style.paint(faint, p.say("audit-more", map[string]any{"n": left})))
	}
	return nil
}

// outOf writes an amount with what the nodes offer: "600m/8".
func outOf(part, whole string) string {
	switch {
	case whole == "":
		return part
	case part == "":
		part = "0"
	}
	return part + "/" + whole
}

// basis says what the numbers above are.
func (a auditPart) basis(p *page) {
	used := false
	for _, ns := range a.report.Namespaces {
		used = used || len(ns.Usage) > 0
	}
	text := p.say("audit-basis", map[string]any{"basis": string(a.report.View.Counted()), "container": a.report.View.By == quota.ByContainer, "used": used, "namespace": a.report.Scope.Namespace, "offered": slices.ContainsFunc(a.report.Groups, func(g quota.GroupUse) bool { return len(g.Allocatable) > 0 })})
	for _, l := range wrap(text, p.prose()-2) {
		p.line("  " + p.style.paint(faint, l))
	}
}

func (p *page) rowHead(v quota.View) string {
	switch v.By {
	case quota.ByLabel:
		return v.Label
	case quota.ByNamespace:
		return p.say("audit-by-namespace", nil)
	case quota.ByContainer:
		return p.say("audit-by-container", nil)
	case quota.ByNode:
		return p.say("audit-by-node", nil)
	case quota.ByZone:
		return p.say("audit-by-zone", nil)
	case quota.ByPriority:
		return p.say("audit-by-priority", nil)
	case quota.ByPartOf:
		return p.say("audit-by-part-of", nil)
	case quota.ByWorkload:
	}
	return p.say("audit-by-workload", nil)
}

// rows gives one for each namespace, workload or container, or for each group.
func (a auditPart) rows() []auditRow {
	var out []auditRow
	by := a.report.View.By
	if by.Grouped() {
		for _, g := range a.report.Groups {
			name := g.Name
			if name == "" {
				name = "-"
			}
			out = append(out, auditRow{name: name, pods: g.Pods, requests: g.Requests, limits: g.Limits, usage: g.Usage, offered: g.Allocatable})
		}
		return out
	}
	for _, ns := range a.report.Namespaces {
		if by == quota.ByNamespace {
			out = append(out, auditRow{name: ns.Namespace, pods: ns.Pods, requests: ns.Requests, limits: ns.Limits, usage: ns.Usage})
			continue
		}
		for _, w := range ns.Workloads {
			name := within(w.Workload, a.report.Scope.Namespace)
			if by != quota.ByContainer {
				out = append(out, auditRow{name: name, qos: w.QoS, pods: w.Pods, requests: w.Requests, limits: w.Limits, usage: w.Usage})
				continue
			}
			for _, c := range w.Containers {
				of := strings.Replace(name, w.Workload.String(), w.Workload.String()+" "+c.Container, 1)
				out = append(out, auditRow{name: of, qos: w.QoS, pods: w.Pods, requests: c.Requests, limits: c.Limits, usage: c.Usage})
			}
		}
	}
	return out
}

// order sorts, the largest first; what is equal stays in order of name.
func (a auditPart) order(rows []auditRow) {
	by := func(r auditRow) float64 {
		list, name := r.requests, ""
		switch a.report.Sort {
		case quota.ByCPU:
			name = "cpu"
		case quota.ByMemory:
			name = "memory"
		case quota.ByCPULimit:
			list, name = r.limits, "cpu"
		case quota.ByMemoryLimit:
			list, name = r.limits, "memory"
		case quota.ByCPUUsage:
			list, name = r.usage, "cpu"
		case quota.ByMemoryUsage:
			list, name = r.usage, "memory"
		case quota.ByPods:
			return float64(r.pods)
		case quota.ByName:
			return 0
		}
		q, _ := quota.Of(list, name)
		return q.AsApproximateFloat64()
	}
	slices.SortStableFunc(rows, func(x, y auditRow) int { return cmp.Compare(by(y), by(x)) })
}

func amountOf(list []quota.Amount, name string) string {
	for _, a := range list {
		if a.Resource == name {
			return a.Quantity
		}
	}
	return ""
}

// others are requests for anything but CPU and memory.
func others(list []quota.Amount) string {
	var out []string
	for _, a := range list {
		if a.Resource != "cpu" && a.Resource != "memory" {
			out = append(out, a.Resource+" "+a.Quantity)
		}
	}
	return strings.Join(out, ", ")
}
