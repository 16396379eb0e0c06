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
	args := map[string]any{"targets": p.targets(finding.Scope{Namespace: a.report.Scope.Namespace}), "spaces": len(a.report.Namespaces)}
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
}

func (a auditPart) write(p *page) error {
	if len(a.report.Namespaces) == 0 {
		return nil
	}
	rows := a.rows()
	a.order(rows)
	left := 0
	if top := a.report.Top; top > 0 && len(rows) > top {
		left, rows = len(rows)-top, rows[:top]
	}
	var lines []row
	for _, r := range rows {
		lines = append(lines, row{cells: []string{
			r.name, strconv.Itoa(r.pods), r.qos,
			amountOf(r.requests, "cpu"), amountOf(r.limits, "cpu"), amountOf(r.usage, "cpu"),
			amountOf(r.requests, "memory"), amountOf(r.limits, "memory"), amountOf(r.usage, "memory"), others(r.requests),
		}})
	}
	if len(lines) > 0 {
		p.gap()
		p.line(p.style.paint(strong, p.say("audit-head", nil)))
		headers := []string{
			p.rowHead(a.report.By), p.say("audit-pods", nil), p.say("audit-qos", nil),
			p.say("audit-cpu", nil), p.say("audit-cpu-limit", nil), p.say("audit-cpu-used", nil),
			p.say("audit-memory", nil), p.say("audit-memory-limit", nil), p.say("audit-memory-used", nil), p.say("audit-other", nil),
		}
		if err := p.table("  ", headers, lines); err != nil {
			return err
		}
	}
	if left > 0 {
		p.line("  " + p.style.paint(faint, p.say("audit-more", map[string]any{"n": left})))
	}
	return a.quotas(p)
}

func (p *page) rowHead(by quota.Grouping) string {
	switch by {
	case quota.ByNamespace:
		return p.say("audit-by-namespace", nil)
	case quota.ByContainer:
		return p.say("audit-by-container", nil)
	case quota.ByWorkload:
	}
	return p.say("audit-by-workload", nil)
}

// rows gives one for each namespace, workload or container.
func (a auditPart) rows() []auditRow {
	var out []auditRow
	for _, ns := range a.report.Namespaces {
		if a.report.By == quota.ByNamespace {
			out = append(out, auditRow{ns.Namespace, "", ns.Pods, ns.Requests, ns.Limits, ns.Usage})
			continue
		}
		for _, w := range ns.Workloads {
			name := within(w.Workload, a.report.Scope.Namespace)
			if a.report.By != quota.ByContainer {
				out = append(out, auditRow{name, w.QoS, w.Pods, w.Requests, w.Limits, w.Usage})
				continue
			}
			for _, c := range w.Containers {
				out = append(out, auditRow{strings.Replace(name, w.Workload.String(), w.Workload.String()+" "+c.Container, 1), w.QoS, w.Pods, c.Requests, c.Limits, c.Usage})
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

// quotas lists the lines of ResourceQuotas; Table leaves out those that are far from full.
func (a auditPart) quotas(p *page) error {
	var lines []row
	hidden := 0
	for _, ns := range a.report.Namespaces {
		for _, u := range ns.Quotas {
			if !p.wide && a.report.Scope.Namespace == "" && u.Level == quota.LevelOK {
				hidden++
				continue
			}
			mark := map[quota.Level]mark{quota.LevelOK: markOK, quota.LevelSoft: markWarning, quota.LevelNear: markWarning, quota.LevelHard: markError}[u.Level]
			name := within(finding.Ref{Kind: "ResourceQuota", Namespace: ns.Namespace, Name: u.Quota}, a.report.Scope.Namespace)
			lines = append(lines, row{mark, []string{name, u.Resource, u.Used, u.Hard, u.Soft, strconv.Itoa(u.Percent) + "%"}})
		}
	}
	if len(lines) > 0 {
		p.gap()
		p.line(p.style.paint(strong, p.say("audit-quotas", nil)))
		headers := []string{p.say("audit-quota", nil), p.say("audit-resource", nil), p.say("audit-used", nil), p.say("audit-hard", nil), p.say("audit-soft", nil), p.say("audit-percent", nil)}
		if err := p.table("  ", headers, lines); err != nil {
			return err
		}
	}
	if hidden > 0 {
		p.gap()
		p.line("  " + p.style.paint(faint, p.say("audit-quiet", map[string]any{"n": hidden})))
	}
	return nil
}
