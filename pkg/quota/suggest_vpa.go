package quota

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// The constants of the Vertical Pod Autoscaler's recommender, as they are by
// default (kubernetes/autoscaler, vertical-pod-autoscaler v1.8,
// pkg/recommender/config/config.go and model/aggregations_config.go).
const (
	vpaTarget, vpaLower, vpaUpper = 0.9, 0.5, 0.95
	vpaMargin                     = 0.15
	vpaHalfLife                   = 24 * time.Hour
	vpaInterval                   = 24 * time.Hour
	vpaPodMilli                   = 25.0
	vpaPodMemory                  = 250.0 * 1024 * 1024
	vpaOOMLeast                   = 100 << 20
	// vpaMost is the largest amount that it knows: thousandths of a CPU, or bytes.
	vpaMost = 1e14
)

// VPABounds are between which values VPA would leave a request alone.
type VPABounds struct {
	Resource string `json:"resource"`
	Lower    string `json:"lower"`
	Upper    string `json:"upper"`
}

// vpa is the recommendation of the Vertical Pod Autoscaler from the same
// samples: percentiles of histograms in which a sample counts half after a day,
// of CPU over all samples and of memory over the highest of each day, 15 % on top,
// 25m and 250Mi per pod at least; limits scale as they stand to requests now
// (pkg/recommender/logic/recommender.go, pkg/utils/vpa/limit_and_request_scaling.go).
// The bounds of both widen with little history of CPU, and have no end without any; VPA counts a sample a minute, and here
// there are fewer, so they are as wide as those that it draws from a Prometheus.
func (d *draft) vpa(name corev1.ResourceName) {
	o := d.u.observed(name)
	h := d.vpaHistogram(name)
	days := 0.0
	if cpu := d.u.CPU; cpu != nil {
		days = min(cpu.covered.Hours()/24, float64(cpu.Pooled.Samples)/(24*60))
	}
	// Amounts are whole thousandths and bytes, cut at each step.
	unit := 1.0
	least := math.Floor(vpaPodMemory / float64(d.containers()))
	if name == corev1.ResourceCPU {
		unit, least = 1000, math.Floor(vpaPodMilli/float64(d.containers()))
	}
	estimate := func(percentile, multiplier, exponent float64) resource.Quantity {
		amount := math.Floor(h.percentile(percentile) * unit)
		amount += math.Floor(amount * vpaMargin)
		if multiplier > 0 {
			amount = math.Floor(min(amount*math.Pow(1+multiplier/days, exponent), vpaMost))
		}
		amount = max(amount, least)
		if name == corev1.ResourceCPU {
			return *resource.NewMilliQuantity(int64(amount), resource.DecimalSI)
		}
		return *resource.NewQuantity(int64(amount), resource.BinarySI)
	}
	target := estimate(vpaTarget, 0, 0)
	lower, upper := estimate(vpaLower, 0.001, -2), estimate(vpaUpper, 1, 1)
	d.bounds = append(d.bounds, VPABounds{string(name), printedAmount(name, lower), printedAmount(name, upper)})
	before, had := d.want.Requests[name]
	if limit, limited := d.want.Limits[name]; limited {
		scaled := target.AsApproximateFloat64()
		if had && before.Sign() > 0 {
			scaled *= limit.AsApproximateFloat64() / before.AsApproximateFloat64()
		}
		d.want.Limits[name] = quantityOf(name, scaled)
	}
	d.want.Requests[name] = target
	d.because("suggest-vpa", map[string]any{
		"resource": string(name), "target": printedAmount(name, target), "lower": printedAmount(name, lower), "upper": printedAmount(name, upper), "covered": o.Covered,
	})
}

func printedAmount(name corev1.ResourceName, q resource.Quantity) string {
	return printedUse(name, q.AsApproximateFloat64())
}

func (d *draft) containers() int {
	n := 0
	runningContainers(d.sample(), func(*corev1.Container) { n++ })
	return max(n, 1)
}

// vpaHistogram takes each sample of CPU, and of memory each pod's highest of each day.
func (d *draft) vpaHistogram(name corev1.ResourceName) *vpaHistogram {
	h := newVPAHistogram(name, d.u.observed(name).From)
	for _, p := range d.h.containers[d.u.Object] {
		if name == corev1.ResourceCPU {
			for _, point := range p.cpu {
				h.add(math.Floor(point.Value*1000)/1000, 0.1, point.At)
			}
			continue
		}
		for i, peak := range dailyPeaks(p.memory) {
			if last := i == len(dailyPeaks(p.memory))-1; last && p.oom {
				request := d.u.spec.Requests[name]
				base := max(peak.Value, request.AsApproximateFloat64())
				peak.Value = max(base+vpaOOMLeast, base*oomMargin)
			}
			h.add(math.Floor(peak.Value), 1, peak.At)
		}
	}
	return h
}

// dailyPeaks are the highest values of intervals of a day that begin with the
// first sample, each dated to the interval's end (model/container.go, addMemorySample).
func dailyPeaks(points []snapshot.Point) []snapshot.Point {
	var out []snapshot.Point
	day := int64(vpaInterval / time.Second)
	for _, p := range points {
		if n := len(out); n > 0 && p.At < out[n-1].At {
			out[n-1].Value = max(out[n-1].Value, p.Value)
			continue
		}
		end := p.At + day
		if n := len(out); n > 0 {
			end = out[n-1].At + (p.At-out[n-1].At)/day*day + day
		}
		out = append(out, snapshot.Point{At: end, Value: p.Value})
	}
	return out
}

// vpaHistogram has buckets that grow by 5 %, the first of 0.01 CPU or 10 MB
// (pkg/recommender/util/histogram_options.go). A percentile is the end of its bucket.
type vpaHistogram struct {
	first   float64
	buckets []float64
	total   float64
	since   int64
}

const vpaGrowth = 1.05

func newVPAHistogram(name corev1.ResourceName, since time.Time) *vpaHistogram {
	first, most := 1e7, 1e12
	if name == corev1.ResourceCPU {
		first, most = 0.01, 1000
	}
	n := int(math.Ceil(math.Log(most*(vpaGrowth-1)/first+1)/math.Log(vpaGrowth))) + 1
	return &vpaHistogram{first: first, buckets: make([]float64, n), since: since.Unix()}
}

func (h *vpaHistogram) add(v, weight float64, at int64) {
	bucket := 0
	if v >= h.first {
		bucket = min(int(math.Log(v*(vpaGrowth-1)/h.first+1)/math.Log(vpaGrowth)), len(h.buckets)-1)
	}
	weight *= math.Exp2(float64(at-h.since) / vpaHalfLife.Seconds())
	h.buckets[bucket] += weight
	h.total += weight
}

func (h *vpaHistogram) percentile(p float64) float64 {
	if h.total == 0 {
		return 0
	}
	last := len(h.buckets) - 1
	for last > 0 && h.buckets[last] == 0 {
		last--
	}
	bucket, sum := 0, 0.0
	for ; bucket < last; bucket++ {
		if sum += h.buckets[bucket]; sum >= p*h.total {
			break
		}
	}
	if bucket < len(h.buckets)-1 {
		bucket++
	}
	return h.first * (math.Pow(vpaGrowth, float64(bucket)) - 1) / (vpaGrowth - 1)
}
