package quota

import (
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Trend says why there is a forecast, or why there is none.
type Trend string

// The trends. Only Grows has a forecast.
const (
	Grows     Trend = "grows"
	Steady    Trend = "steady"
	Falls     Trend = "falls"
	Unclear   Trend = "unclear"
	TooFew    Trend = "too-few"
	NotServed Trend = "not-known"
)

// Outlook is where a line of a ResourceQuota is heading, and what that rests on.
type Outlook struct {
	Trend Trend `json:"trend"`
	// PerDay is by how much it grows in a day; set where it grows.
	PerDay string `json:"perDay,omitempty"`
	// DaysUntilHard and DaysUntilSoft tell when the limit is reached if it goes on
	// so; null where it does not grow, grows too slowly to tell, or is there already.
	DaysUntilHard *int `json:"daysUntilHard"`
	DaysUntilSoft *int `json:"daysUntilSoft"`
	// Points over Covered are what it rests on.
	Points  int    `json:"points"`
	Covered string `json:"covered,omitempty"`

	// covered is that time, explained the share of the spread that the line explains.
	covered   time.Duration
	explained float64
}

// QuotaTrend is a line of a ResourceQuota with where it is heading.
type QuotaTrend struct {
	Namespace string `json:"namespace"`
	QuotaUse
	Outlook
}

// What a forecast takes: enough points over enough days, of which a straight
// line explains at least half. A quota moves in steps, when somebody scales;
// three days tell more than one deployment.
const (
	trendPoints = 24
	trendDays   = 3
	trendFit    = 0.5
	// trendFar is where a forecast ends: nobody grows so for a year.
	trendFar = 365
)

// quotaSeries are the points of each line of a quota: namespace, quota, resource.
type quotaSeries map[[3]string][]snapshot.Point

func indexed(series []snapshot.Series) quotaSeries {
	out := quotaSeries{}
	for _, one := range series {
		out[[3]string{one.Labels["namespace"], one.Labels["resourcequota"], one.Labels["resource"]}] = one.Points
	}
	return out
}

// trends are the quotas of the namespace, or of all.
func (h *history) trends(q Query, soft SoftLimits) []QuotaTrend {
	series, _ := h.s.Series(h.needs.quotas)
	past, out := indexed(series), []QuotaTrend{}
	for _, o := range h.s.OfKind("ResourceQuota", q.Namespace) {
		rq, ok := o.(*corev1.ResourceQuota)
		if !ok {
			continue
		}
		limits, _ := soft.softFor(h.s, rq)
		for _, u := range quotaUses(h.s, rq, soft) {
			out = append(out, QuotaTrend{Namespace: rq.Namespace, QuotaUse: u, Outlook: past.outlook(rq, corev1.ResourceName(u.Resource), limits)})
		}
	}
	return out
}

// outlook is where a line of the quota is heading, by what kube-state-metrics
// said of it. It is held against the limits of today, whatever they were.
func (p quotaSeries) outlook(rq *corev1.ResourceQuota, name corev1.ResourceName, limits Soft) Outlook {
	o := Outlook{Trend: NotServed}
	points := p[[3]string{rq.Namespace, rq.Name, string(name)}]
	if len(points) == 0 {
		return o
	}
	hard := rq.Status.Hard[name]
	var soft *float64
	if threshold, set := limits.find(name); set {
		at := threshold.of(hard)
		f := at.AsApproximateFloat64()
		soft = &f
	}
	o.forecast(name, points, hard.AsApproximateFloat64(), soft)
	return o
}

// forecast lays a straight line through the points (least squares).
func (o *Outlook) forecast(name corev1.ResourceName, points []snapshot.Point, hard float64, soft *float64) {
	covered := time.Duration(points[len(points)-1].At-points[0].At) * time.Second
	o.Points, o.Covered, o.covered = len(points), lasting(covered), covered
	if len(points) < trendPoints || covered < trendDays*24*time.Hour {
		o.Trend = TooFew
		return
	}
	perDay, explained := line(points)
	o.explained = explained
	now := points[len(points)-1].Value
	// A change of less than a hundredth of the limit over the whole time is none.
	small := hard / 100 / (covered.Hours() / 24)
	switch {
	case math.Abs(perDay) < max(small, 1e-9):
		o.Trend = Steady
		return
	case explained < trendFit:
		o.Trend = Unclear
		return
	case perDay < 0:
		o.Trend = Falls
		return
	}
	o.Trend = Grows
	o.PerDay = fit.Human(plain(name), quantityOf(plain(name), perDay), true)
	if plain(name) != corev1.ResourceCPU && !isBytes(plain(name)) {
		o.PerDay = strconv.FormatFloat(math.Round(perDay*100)/100, 'f', -1, 64)
	}
	o.DaysUntilHard = daysUntil(now, hard, perDay)
	if soft != nil {
		o.DaysUntilSoft = daysUntil(now, *soft, perDay)
	}
}

// daysUntil counts whole days; nil where it is there already or too far off.
func daysUntil(now, limit, perDay float64) *int {
	if now >= limit {
		return nil
	}
	days := (limit - now) / perDay
	if days > trendFar {
		return nil
	}
	n := int(days)
	return &n
}

// line gives the slope in units a day, and what share of the spread it explains (R²).
func line(points []snapshot.Point) (perDay, explained float64) {
	const day = 24 * 3600
	n := float64(len(points))
	var sumX, sumY float64
	for _, p := range points {
		sumX += float64(p.At-points[0].At) / day
		sumY += p.Value
	}
	meanX, meanY := sumX/n, sumY/n
	var xx, xy, yy float64
	for _, p := range points {
		dx, dy := float64(p.At-points[0].At)/day-meanX, p.Value-meanY
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	if xx == 0 || yy == 0 {
		return 0, 1
	}
	return xy / xx, xy * xy / (xx * yy)
}
