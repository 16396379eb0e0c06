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

// QuotaTrend is a line of a ResourceQuota with where it is heading.
type QuotaTrend struct {
	Namespace string `json:"namespace"`
	QuotaUse
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

// trends are the quotas of the namespace, or of all.
func (h *history) trends(q Query, soft SoftLimits) []QuotaTrend {
	series, _ := h.s.Series(h.needs.quotas)
	out := []QuotaTrend{}
	for _, o := range h.s.OfKind("ResourceQuota", q.Namespace) {
		rq, ok := o.(*corev1.ResourceQuota)
		if !ok {
			continue
		}
		limits, _ := soft.softFor(h.s, rq)
		for _, u := range quotaUses(h.s, rq, soft) {
			t := QuotaTrend{Namespace: rq.Namespace, QuotaUse: u, Trend: NotServed}
			name := corev1.ResourceName(u.Resource)
			var points []snapshot.Point
			for _, one := range series {
				if one.Labels["namespace"] == rq.Namespace && one.Labels["resourcequota"] == rq.Name && one.Labels["resource"] == u.Resource {
					points = one.Points
				}
			}
			if len(points) > 0 {
				hard := rq.Status.Hard[name]
				var at *float64
				if threshold, set := limits.find(name); set {
					v := threshold.of(hard)
					f := v.AsApproximateFloat64()
					at = &f
				}
				t.forecast(name, points, hard.AsApproximateFloat64(), at)
			}
			out = append(out, t)
		}
	}
	return out
}

// forecast lays a straight line through the points (least squares).
func (t *QuotaTrend) forecast(name corev1.ResourceName, points []snapshot.Point, hard float64, soft *float64) {
	covered := time.Duration(points[len(points)-1].At-points[0].At) * time.Second
	t.Points, t.Covered = len(points), lasting(covered)
	if len(points) < trendPoints || covered < trendDays*24*time.Hour {
		t.Trend = TooFew
		return
	}
	perDay, explained := line(points)
	now := points[len(points)-1].Value
	// A change of less than a hundredth of the limit over the whole time is none.
	small := hard / 100 / (covered.Hours() / 24)
	switch {
	case math.Abs(perDay) < max(small, 1e-9):
		t.Trend = Steady
		return
	case explained < trendFit:
		t.Trend = Unclear
		return
	case perDay < 0:
		t.Trend = Falls
		return
	}
	t.Trend = Grows
	t.PerDay = fit.Human(plain(name), quantityOf(plain(name), perDay), true)
	if plain(name) != corev1.ResourceCPU && !isBytes(plain(name)) {
		t.PerDay = strconv.FormatFloat(math.Round(perDay*100)/100, 'f', -1, 64)
	}
	t.DaysUntilHard = daysUntil(now, hard, perDay)
	if soft != nil {
		t.DaysUntilSoft = daysUntil(now, *soft, perDay)
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
