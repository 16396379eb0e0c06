package render

import (
	"strconv"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// quotas lists the lines of ResourceQuotas; over all namespaces Table leaves out
// those that are far from full and do not get there soon.
func (a auditPart) quotas(p *page) error {
	var lines []row
	var growing []func()
	hidden := 0
	for _, ns := range a.report.Namespaces {
		for _, u := range ns.Quotas {
			o := quota.Outlook{}
			if u.Outlook != nil {
				o = *u.Outlook
			}
			if !p.wide && a.report.Scope.Namespace == "" && u.Level == quota.LevelOK && !soon(o) {
				hidden++
				continue
			}
			name := within(finding.Ref{Kind: "ResourceQuota", Namespace: ns.Namespace, Name: u.Quota}, a.report.Scope.Namespace)
			lines = append(lines, row{levelMark(u.Level, o), []string{name, u.Resource, u.Used, u.Hard, u.Soft, strconv.Itoa(u.Percent) + "%", p.heading(o), p.headingRests(o)}})
			growing = append(growing, func() { p.forecast(name+" "+u.Resource, o) })
		}
	}
	if len(lines) > 0 {
		p.gap()
		p.line(p.style.paint(strong, p.say("audit-quotas", nil)))
		headers := p.headers("audit-quota", "audit-resource", "audit-used", "audit-hard", "audit-soft", "audit-percent", "usage-trend", "usage-rests-on")
		if err := p.table("  ", headers, lines); err != nil {
			return err
		}
		if !p.wide {
			for _, tell := range growing {
				tell()
			}
		}
		a.trendBasis(p)
	}
	if hidden > 0 {
		p.gap()
		p.line("  " + p.style.paint(faint, p.say("audit-quiet", map[string]any{"n": hidden})))
	}
	return nil
}

func levelMark(l quota.Level, o quota.Outlook) mark {
	m := map[quota.Level]mark{quota.LevelOK: markOK, quota.LevelSoft: markWarning, quota.LevelWarn: markWarning, quota.LevelHard: markError}[l]
	if m == markOK && soon(o) {
		return markWarning
	}
	return m
}

// heading is where a line is heading; of what grows Table tells more below.
func (p *page) heading(o quota.Outlook) string {
	switch {
	case o.Trend == "":
		return ""
	case o.Trend == quota.Grows && !p.wide:
		return p.say("audit-growing", nil)
	}
	return p.trend(o)
}

func (p *page) headingRests(o quota.Outlook) string {
	if o.Trend == "" || !p.wide {
		return ""
	}
	return p.trendRests(o)
}

// trendBasis says what a trend is, and where it is from.
func (a auditPart) trendBasis(p *page) {
	if a.report.Window == "" {
		return
	}
	for _, l := range wrap(p.say("audit-trend", map[string]any{"window": a.report.Window, "from": a.report.Prometheus}), p.prose()-2) {
		p.line("  " + p.style.paint(faint, l))
	}
}
