package quota

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Distribution is how a container's use of a resource was spread over time.
type Distribution struct {
	// Pod is the one that it is of; empty for all pods together.
	Pod     string `json:"pod,omitempty"`
	Samples int    `json:"samples"`
	P50     string `json:"p50"`
	P95     string `json:"p95"`
	P99     string `json:"p99"`
	Max     string `json:"max"`

	p50, p90, p95, p99, max float64
}

// Observed is a container's use of a resource over time: of all its pods
// together, and of the worst pod by itself, which a mean over pods would hide.
// The worst pod is the one with the highest p95 of CPU, or the highest peak of memory.
type Observed struct {
	Pooled Distribution `json:"pooled"`
	Worst  Distribution `json:"worst"`
	Pods   int          `json:"pods"`
	// From and To are the first and the last sample, Covered the time between.
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Covered string    `json:"covered"`

	covered time.Duration
	pods    []Distribution
}

// observe puts the samples of each pod together; nil where there is none.
func observe(name corev1.ResourceName, pods map[string]*podSeries) *Observed {
	o := &Observed{}
	var pooled []float64
	var first, last int64
	for _, pod := range slices.Sorted(maps.Keys(pods)) {
		points := pods[pod].points(name)
		if len(points) == 0 {
			continue
		}
		values := make([]float64, len(points))
		for i, p := range points {
			values[i] = max(0, p.Value)
			if first == 0 || p.At < first {
				first = p.At
			}
			last = max(last, p.At)
		}
		pooled = append(pooled, values...)
		one := distribution(name, values)
		one.Pod = pod
		o.pods = append(o.pods, one)
	}
	if len(pooled) == 0 {
		return nil
	}
	o.Pooled = distribution(name, pooled)
	o.Worst = slices.MaxFunc(o.pods, func(a, b Distribution) int {
		if name == corev1.ResourceMemory && a.max != b.max || a.p95 == b.p95 {
			return compare(a.max, b.max)
		}
		return compare(a.p95, b.p95)
	})
	o.Pods = len(o.pods)
	o.From, o.To = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
	o.covered = o.To.Sub(o.From)
	o.Covered = lasting(o.covered)
	return o
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (p *podSeries) points(name corev1.ResourceName) []snapshot.Point {
	if name == corev1.ResourceCPU {
		return p.cpu
	}
	return p.memory
}

func distribution(name corev1.ResourceName, values []float64) Distribution {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	d := Distribution{
		Samples: len(sorted),
		p50:     quantile(sorted, 0.5), p90: quantile(sorted, 0.9), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99), max: sorted[len(sorted)-1],
	}
	d.P50, d.P95, d.P99, d.Max = printedUse(name, d.p50), printedUse(name, d.p95), printedUse(name, d.p99), printedUse(name, d.max)
	return d
}

// quantile lies between the two samples next to it, as quantile_over_time of
// Prometheus has it (promql/quantile.go), so that both give the same number.
func quantile(sorted []float64, q float64) float64 {
	rank := q * float64(len(sorted)-1)
	low := int(math.Floor(rank))
	high := min(low+1, len(sorted)-1)
	part := rank - float64(low)
	return sorted[low]*(1-part) + sorted[high]*part
}

// quantityOf rounds up to what Kubernetes can say: thousandths of a CPU, bytes.
func quantityOf(name corev1.ResourceName, v float64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Ceil(v*1000-1e-6)), resource.DecimalSI)
	}
	return *resource.NewQuantity(int64(math.Ceil(v)), resource.BinarySI)
}

func printedUse(name corev1.ResourceName, v float64) string {
	return fit.Human(name, quantityOf(name, v), true)
}

// lasting writes a duration with the two units that matter: "6d23h", "3h20m", "45m".
func lasting(d time.Duration) string {
	d = d.Truncate(time.Minute)
	days, rest := d/(24*time.Hour), d%(24*time.Hour)
	hours, minutes := rest/time.Hour, rest%time.Hour/time.Minute
	var out []string
	for _, p := range []struct {
		n    time.Duration
		unit string
	}{{days, "d"}, {hours, "h"}, {minutes, "m"}} {
		if p.n > 0 {
			out = append(out, resource.NewQuantity(int64(p.n), resource.DecimalSI).String()+p.unit)
		}
	}
	if len(out) == 0 {
		return "0m"
	}
	return strings.Join(out[:min(2, len(out))], "")
}
