package render

import (
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// usagePart is what containers use, now and over time.
type usagePart struct{ report quota.UsageReport }

func (u usagePart) nothing(p *page) {
	args := map[string]any{"targets": p.targets(finding.Scope{Namespace: u.report.Scope.Namespace, Targets: u.report.Scope.Targets}), "n": len(u.report.Usage), "unread": len(u.report.NotChecked) > 0}
	tail := p.uncheckedTail(u.report.Report)
	switch {
	case len(u.report.Usage) == 0:
		p.headline(markInfo, p.say("usage-none", args), tail)
	case u.report.Step == "":
		p.headline(markInfo, p.say("usage-now-only", args), tail)
	default:
		p.headline(markOK, p.say("usage-fine", args), tail)
	}
}

func (u usagePart) write(p *page) error {
	if err := u.containers(p); err != nil {
		return err
	}
	u.rests(p)
	return u.trends(p)
}

// containers is a line for each resource of each container; with the worst pod
// in a line of its own, and the p99, in Wide and where one workload is asked about.
func (u usagePart) containers(p *page) error {
	if len(u.report.Usage) == 0 {
		return nil
	}
	detailed := p.wide || len(u.report.Scope.Targets) == 1
	var rows []row
	for _, c := range u.report.Usage {
		name := containerIn(c.Object, u.report.Scope.Namespace)
		for i, o := range []*quota.Observed{c.CPU, c.Memory} {
			resource := []string{"cpu", "memory"}[i]
			cells := append([]string{name, resource, amountOf(c.Now, resource)}, pooled(o, detailed)...)
			rows = append(rows, row{cells: append(cells, amountOf(c.Requests, resource), amountOf(c.Limits, resource))})
			if o != nil && detailed && o.Pods > 1 {
				rows = append(rows, row{cells: append(append([]string{"  " + o.Worst.Pod, resource, ""}, spread(o.Worst)...), "", "")})
			}
			name = ""
		}
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("usage-head", nil)))
	if err := p.table("  ", p.headers("usage-container", "usage-resource", "usage-now", "usage-median", "usage-mostly", "usage-nearly", "usage-peak", "usage-request", "usage-limit"), rows); err != nil {
		return err
	}
	u.held(p)
	return nil
}

// held tells which containers were held back or killed.
func (u usagePart) held(p *page) {
	for _, c := range u.report.Usage {
		percent := 0
		if c.ThrottledPercent != nil {
			percent = *c.ThrottledPercent
		}
		if percent > 0 || c.OOMKilled > 0 {
			p.bullet(markInfo, p.say("usage-held", map[string]any{"object": containerIn(c.Object, u.report.Scope.Namespace), "percent": percent, "n": c.OOMKilled}))
		}
	}
}

// pooled is the distribution over all pods; without its p99 where columns are dear.
func pooled(o *quota.Observed, detailed bool) []string {
	if o == nil {
		return []string{"", "", "", ""}
	}
	cells := spread(o.Pooled)
	if !detailed {
		cells[2] = ""
	}
	return cells
}

func spread(d quota.Distribution) []string { return []string{d.P50, d.P95, d.P99, d.Max} }

// containerIn names a container by its workload: "deployment/web app".
func containerIn(of finding.Ref, namespace string) string {
	name := within(of.Object(), namespace)
	if of.Container == "" {
		return name
	}
	return strings.Replace(name, of.Object().String(), of.Object().String()+" "+of.Container, 1)
}

// rests says what the numbers over time come from.
func (u usagePart) rests(p *page) {
	if u.report.Step == "" {
		return
	}
	samples, pods, earlier, shortest, longest := 0, 0, 0, "", ""
	var least, most float64
	for _, c := range u.report.Usage {
		earlier += c.Earlier
		if c.Memory == nil {
			continue
		}
		samples += c.Memory.Pooled.Samples
		pods += c.Memory.Pods
		covered := c.Memory.To.Sub(c.Memory.From).Hours()
		if shortest == "" || covered < least {
			shortest, least = c.Memory.Covered, covered
		}
		if longest == "" || covered > most {
			longest, most = c.Memory.Covered, covered
		}
	}
	if samples == 0 {
		return
	}
	p.gap()
	args := map[string]any{
		"window": u.report.Window, "least": shortest, "most": longest, "n": samples, "step": u.report.Step, "over": u.report.AveragedOver,
		"from": u.report.Prometheus, "earlier": earlier, "pods": pods,
	}
	for _, l := range p.hung(p.say("usage-rests", args)) {
		p.line("  " + p.style.paint(faint, l))
	}
}

// trends are the quotas with where they are heading.
func (u usagePart) trends(p *page) error {
	if len(u.report.Quotas) == 0 {
		return nil
	}
	var rows []row
	for _, t := range u.report.Quotas {
		m := markOK
		switch {
		case t.Level == quota.LevelHard:
			m = markError
		case t.Level != quota.LevelOK || soon(t.Outlook):
			m = markWarning
		}
		cells := []string{u.quotaName(t), t.Resource, t.Used, t.Hard, t.Soft, strconv.Itoa(t.Percent) + "%", string(t.Level), p.trend(t.Outlook), ""}
		if p.wide {
			cells[8] = p.trendRests(t.Outlook)
		} else if cells[6] = ""; t.Trend == quota.Grows {
			cells[7] = ""
		}
		rows = append(rows, row{m, cells})
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("usage-quotas", nil)))
	if err := p.table("  ", p.headers("audit-quota", "audit-resource", "audit-used", "audit-hard", "audit-soft", "audit-percent", "usage-level", "usage-trend", "usage-rests-on"), rows); err != nil || p.wide {
		return err
	}
	for _, t := range u.report.Quotas {
		p.forecast(u.quotaName(t)+" "+t.Resource, t.Outlook)
	}
	return nil
}

// forecast says when a quota that grows will be full.
func (p *page) forecast(object string, o quota.Outlook) {
	if o.Trend != quota.Grows {
		return
	}
	m := markInfo
	if soon(o) {
		m = markWarning
	}
	p.bullet(m, p.say("usage-forecast", map[string]any{"object": object, "trend": p.trend(o), "points": p.trendRests(o)}))
}

// soon says that a quota runs out within two weeks.
func soon(o quota.Outlook) bool { return o.DaysUntilHard != nil && *o.DaysUntilHard <= 14 }

func (u usagePart) quotaName(t quota.QuotaTrend) string {
	return within(finding.Ref{Kind: "ResourceQuota", Namespace: t.Namespace, Name: t.Quota}, u.report.Scope.Namespace)
}

func (p *page) trend(t quota.Outlook) string {
	switch t.Trend {
	case quota.Grows:
	case quota.Steady:
		return p.say("usage-trend-steady", nil)
	case quota.Falls:
		return p.say("usage-trend-falls", nil)
	case quota.Unclear:
		return p.say("usage-trend-unclear", nil)
	case quota.TooFew:
		return p.say("usage-trend-too-few", nil)
	case quota.NotServed:
		return p.say("usage-trend-not-known", nil)
	}
	args := map[string]any{"perDay": t.PerDay, "hard": -1, "soft": -1}
	if t.DaysUntilHard != nil {
		args["hard"] = *t.DaysUntilHard
	}
	if t.DaysUntilSoft != nil {
		args["soft"] = *t.DaysUntilSoft
	}
	return p.say("usage-trend-grows", args)
}

func (p *page) trendRests(t quota.Outlook) string {
	if t.Points == 0 {
		return ""
	}
	return p.say("usage-points", map[string]any{"n": t.Points, "covered": t.Covered})
}
