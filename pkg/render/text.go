package render

import (
	"io"
	"sort"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// inFull is how many findings, and how many objects, Table shows in full.
const inFull = 5

// writeText writes for people: the root cause of the worst finding first, in
// plain words, then what it rests on and what to do, then the other findings,
// what the command has to tell beside them, and what was not checked.
func writeText(w io.Writer, report any, base finding.Report, o Options) error {
	texts, err := loadMessages()
	if err != nil {
		return err
	}
	p := newPage(texts, o)
	switch r := report.(type) {
	case plan.Report:
		err = p.planned(r)
	case probe.Report:
		err = p.probed(r)
	case quota.FitReport:
		err = p.fitted(r)
	case calls.Report:
		err = p.mapped(r)
	case inspect.LearnReport:
		p.learned(r)
	case inspect.DiffReport:
		p.differed(r)
	case inspect.TimelineReport:
		p.timelined(r)
	case inspect.TreeReport:
		p.treed(r)
	case probe.SuggestReport:
		p.suggested(r)
	case quota.SuggestReport:
		err = p.sized(r)
	case probe.RunReport:
		err = p.ran(r)
	default:
		err = p.inspected(report, base)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, p.out.String())
	return err
}

// inspected writes findings, and beside them what inspect, or another command that has a part, tells.
func (p *page) inspected(report any, base finding.Report) error {
	var err error
	own := partOf(report)
	switch {
	case len(base.Findings) > 0:
		err = p.findings(base)
	case own != nil:
		own.nothing(p)
	default:
		p.nothingFound(base, objectsOf(report))
	}
	if err != nil {
		return err
	}
	if own != nil {
		err = own.write(p)
	} else {
		err = p.explained(objectsOf(report), base.Scope.Namespace)
	}
	if err != nil {
		return err
	}
	p.notChecked(base.NotChecked)
	if p.wide {
		p.taken(base)
	}
	return nil
}

// part is what a command tells beside its findings.
type part interface {
	// nothing is the headline where there are no findings.
	nothing(p *page)
	write(p *page) error
}

// partOf gives the part that a command adds to its report; nil for none, and
// for inspect, whose objects stand for it.
func partOf(report any) part {
	switch r := report.(type) {
	case quota.CheckReport:
		return checkPart{r}
	case quota.HeadroomReport:
		return headroomPart{r}
	case quota.AuditReport:
		return auditPart{r}
	case quota.UsageReport:
		return usagePart{r}
	case inspect.TrafficReport:
		return trafficPart{r}
	case inspect.ClusterReport:
		return clusterPart{r}
	}
	return nil
}

// objectsOf gives the part that inspect adds to a report.
func objectsOf(report any) []inspect.Object {
	if r, ok := report.(inspect.Report); ok {
		return r.Objects
	}
	return nil
}

// findings writes them the worst first; those of one severity keep their order.
func (p *page) findings(base finding.Report) error {
	all := append([]finding.Finding(nil), base.Findings...)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Severity.Rank() > all[j].Severity.Rank() })
	rest := all[:0:0]
	if !p.wide && len(all) > inFull {
		all, rest = all[:inFull], all[inFull:]
	}
	p.labelsFor(all)
	for _, f := range all {
		p.gap()
		p.finding(f)
	}
	if len(rest) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("rest", map[string]any{"n": len(rest)})))
	rows := make([]row, len(rest))
	for i, f := range rest {
		rows[i] = row{severityMark(f.Severity), []string{within(f.Object, base.Scope.Namespace), p.hedged(f)}}
	}
	return p.table("  ", nil, rows)
}

func (p *page) notChecked(all []finding.NotChecked) {
	if len(all) == 0 {
		return
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("not-checked", nil)))
	for _, n := range all {
		text := n.What
		if why := strings.TrimSuffix(n.Why, ": "+n.What); why != "" { // a refusal repeats what was refused
			text += " " + p.style.dash() + " " + why
		}
		p.bullet(markUnknown, text)
	}
}

func (p *page) taken(base finding.Report) {
	p.gap()
	p.line(p.style.paint(faint, p.say("taken", map[string]any{
		"at": base.TakenAt.UTC().Format(time.RFC3339), "context": inline(base.Scope.Context), "requests": base.Requests,
	})))
}
