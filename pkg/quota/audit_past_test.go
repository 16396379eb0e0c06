package quota

import (
	"math"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// pastCase is how a quota of 10 was used, an hour apart, and whether the audit
// says that it runs out.
type pastCase struct {
	points []snapshot.Point
	why    string
	fires  bool
	// trend, hard and soft are of the line, -1 for no days.
	trend      Trend
	hard, soft int
	notChecked int
}

// hourly is so many points, the last of them when the snapshot was taken.
func hourly(n int, value func(day float64) float64) []snapshot.Point {
	out := make([]snapshot.Point, n)
	for i := range out {
		out[i] = snapshot.Point{At: usageAt.Add(-time.Duration(n-1-i) * time.Hour).Unix(), Value: value(float64(i) / 24)}
	}
	return out
}

func pastCases() map[string]pastCase {
	zigzag := func(day float64) float64 { return 1 + day*0.5 + 2*math.Mod(day, 1) }
	return map[string]pastCase{
		"full in two days":          {points: hourly(169, func(day float64) float64 { return 1 + day }), fires: true, trend: Grows, hard: 2, soft: 1},
		"further ahead than behind": {points: hourly(73, func(day float64) float64 { return 1 + 1.05*day }), trend: Grows, hard: 5, soft: 4},
		"in three weeks":            {points: hourly(169, func(day float64) float64 { return 1 + day*0.31 }), trend: Grows, hard: 22, soft: 18},
		"up and down":               {points: hourly(169, zigzag), trend: Grows, hard: 10, soft: 8},
		"two days are no trend":     {points: hourly(49, func(day float64) float64 { return 1 + 4*day }), trend: TooFew, hard: -1, soft: -1},
		"full already":              {points: hourly(169, func(day float64) float64 { return 4 + day }), trend: Grows, hard: -1, soft: -1},
		"steady":                    {points: hourly(169, func(float64) float64 { return 9 }), trend: Steady, hard: -1, soft: -1},
		"not scraped":               {trend: NotServed, hard: -1, soft: -1},
		"no answer":                 {why: "timed out", notChecked: 1},
	}
}

// The trend of a quota is told with what it rests on, and nothing is claimed
// from too little; what runs out within days is a finding.
func TestQuotaTrendInAnAudit(t *testing.T) {
	for name, c := range pastCases() {
		t.Run(name, func(t *testing.T) {
			s := narrowed(nil)
			q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compute", Annotations: map[string]string{SoftAnnotation: "requests.cpu=90%"}}}
			q.Spec.Hard = list("requests.cpu", "10")
			q.Status = corev1.ResourceQuotaStatus{Hard: q.Spec.Hard, Used: list("requests.cpu", "5")}
			s.Add(q)
			query := Query{Namespace: "shop"}
			needs := QuotaHistoryNeeds(s, query, week)
			if len(needs) != 1 {
				t.Fatalf("%d questions", len(needs))
			}
			r := snapshot.SeriesReading{Need: needs[0], Why: c.why}
			if c.points != nil {
				r.Series = []snapshot.Series{{Labels: map[string]string{"namespace": "shop", "resourcequota": "compute", "resource": "requests.cpu"}, Points: c.points}}
			}
			s.RecordSeries(r)
			for _, l := range lang.All() {
				report, err := AuditOf(s, query, SoftLimits{}, View{Window: week}, ruletest.Catalogue(t), l)
				if err != nil {
					t.Fatal(err)
				}
				ruletest.Readable(t, report.Findings)
				c.compare(t, report)
			}
		})
	}
}

func (c pastCase) compare(t *testing.T, report AuditReport) {
	t.Helper()
	fires := slices.ContainsFunc(report.Findings, func(f finding.Finding) bool { return f.Rule == "quota/runs-out" })
	if fires != c.fires || len(report.NotChecked) != c.notChecked {
		t.Errorf("fires: %t, not checked: %v; %+v", fires, report.NotChecked, report.Findings)
	}
	o := report.Namespaces[0].Quotas[0].Outlook
	if c.why != "" {
		if o != nil || report.Window != "" {
			t.Errorf("%+v of no history", o)
		}
		return
	}
	days := func(n *int) int {
		if n == nil {
			return -1
		}
		return *n
	}
	if o == nil || o.Trend != c.trend || days(o.DaysUntilHard) != c.hard || days(o.DaysUntilSoft) != c.soft || o.Points != len(c.points) || report.Window != "7d" {
		t.Errorf("%+v", o)
	}
}

// Without quotas nothing is asked, and without a history nothing is said of one.
func TestAuditWithoutHistory(t *testing.T) {
	s := narrowed(nil)
	if needs := QuotaHistoryNeeds(s, Query{Namespace: "shop"}, week); len(needs) != 0 {
		t.Errorf("asks %v", needs)
	}
	s.Add(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "q"}, Status: corev1.ResourceQuotaStatus{Hard: list("pods", "4"), Used: list("pods", "1")}})
	report, err := AuditOf(s, Query{Namespace: "shop"}, SoftLimits{}, View{Window: week}, ruletest.Catalogue(t), lang.English)
	if err != nil || report.Window != "" || report.Namespaces[0].Quotas[0].Outlook != nil || len(report.NotChecked) != 0 {
		t.Errorf("%+v, %v", report.Report, err)
	}
}
