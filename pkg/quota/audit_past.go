package quota

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// quotaPast is how quotas were used, where that was read.
type quotaPast struct {
	need   snapshot.SeriesNeed
	soft   SoftLimits
	series quotaSeries
	read   bool
}

func newQuotaPast(s *snapshot.Snapshot, need snapshot.SeriesNeed, soft SoftLimits) quotaPast {
	series, a := s.Series(need)
	return quotaPast{need: need, soft: soft, series: indexed(series), read: a.State == snapshot.Present}
}

// look adds to each line of the report where it is heading.
func (p quotaPast) look(s *snapshot.Snapshot, spaces []NamespaceUse) {
	for i := range spaces {
		for j := range spaces[i].Quotas {
			line := &spaces[i].Quotas[j]
			q, a := snapshot.Get[*corev1.ResourceQuota](s, spaces[i].Namespace, line.Quota)
			if a.State == snapshot.Present {
				limits, _ := p.soft.softFor(s, q)
				o := p.series.outlook(q, corev1.ResourceName(line.Resource), limits)
				line.Outlook = &o
			}
		}
	}
}

// notChecked says why there is no history where a Prometheus was asked for it.
func (p quotaPast) notChecked(s *snapshot.Snapshot, l lang.Lang) []finding.NotChecked {
	for _, r := range s.AllSeries() {
		if why := untold(l, r); r.Need == p.need && why != "" {
			return []finding.NotChecked{{What: say(l, "history-of-quotas", nil), Why: why}}
		}
	}
	return nil
}

// What it takes to say that a quota runs out: it does within a week, which is
// not further ahead than what was looked back, and the line explains nearly all
// of how it was used. The outlook in the report is content with less.
const (
	runsOutWithin = 7
	runsOutFit    = 0.8
)

// runsOut says that the line will be full in so many days.
func (o Outlook) runsOut() bool {
	return o.Trend == Grows && o.explained >= runsOutFit && o.DaysUntilHard != nil &&
		*o.DaysUntilHard <= runsOutWithin && time.Duration(*o.DaysUntilHard)*24*time.Hour <= o.covered
}

func (p quotaPast) rule() rule.Rule {
	return rule.Rule{ID: "quota/runs-out", Reads: []snapshot.Kind{"ResourceQuota", "Namespace"}, Check: p.checkRunsOut}
}

// checkRunsOut: a quota grows so steadily that it will be full within days. What
// is full already is told as that.
func (p quotaPast) checkRunsOut(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, q := range quotasIn(s, sc) {
		ahead := map[corev1.ResourceName]Outlook{}
		var soonest corev1.ResourceName
		ref := rule.RefTo(q)
		f := finding.Finding{Object: ref, Confidence: finding.Likely}
		for _, name := range names(q.Status.Hard) {
			o := p.series.outlook(q, name, nil)
			if !o.runsOut() {
				continue
			}
			ahead[name] = o
			if soonest == "" || *o.DaysUntilHard < *ahead[soonest].DaysUntilHard {
				soonest = name
			}
			used, hard := q.Status.Used[name], q.Status.Hard[name]
			f.Evidence = append(f.Evidence,
				finding.Evidence{Object: ref.String(), Path: "status.used." + string(name), Value: fit.Human(plain(name), used, true) + " of " + fit.Human(plain(name), hard, false)},
				finding.Evidence{Object: ref.String(), Path: "kube_resourcequota, " + strconv.Itoa(o.Points) + " samples over " + o.Covered, Value: "+" + o.PerDay + " a day"})
		}
		if soonest == "" {
			continue
		}
		first, hard := ahead[soonest], q.Status.Hard[soonest]
		f.Args = map[string]any{
			"quota": q.Name, "namespace": q.Namespace, "key": string(soonest), "days": *first.DaysUntilHard, "perDay": first.PerDay,
			"points": first.Points, "covered": first.Covered, "hard": fit.Human(plain(soonest), hard, false), "n": len(f.Evidence) / 2,
		}
		out = append(out, f)
	}
	return out
}
