package quota

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// draft is a container's suggestion while it is worked out.
type draft struct {
	*adviser
	u    ContainerUsage
	want corev1.ResourceRequirements
	// wanted is what the method gave, before anything bounded it.
	wanted  map[string]resource.Quantity
	reasons []string
	why     []string
	bounds  []VPABounds
}

func (d *draft) because(id string, args map[string]any) {
	d.reasons = append(d.reasons, d.say(id, args))
}

// size puts the method's values in.
func (d *draft) size(name corev1.ResourceName) {
	switch d.method {
	case MethodVPA:
		d.vpa(name)
	case MethodKRR:
		d.krr(name)
	case MethodOurs:
		d.ours(name)
	}
	d.keepWanted(name)
}

func (d *draft) keepWanted(name corev1.ResourceName) {
	if d.wanted == nil {
		d.wanted = map[string]resource.Quantity{}
	}
	for list, values := range d.lists() {
		if q, ok := values[name]; ok {
			d.wanted[list+"."+string(name)] = q.DeepCopy()
		}
	}
}

func (d *draft) lists() map[string]corev1.ResourceList {
	return map[string]corev1.ResourceList{"requests": d.want.Requests, "limits": d.want.Limits}
}

// The numbers of our own method.
const (
	// memoryMargin is what a new peak may be above those seen.
	memoryMargin = 1.15
	// oomMargin is how far above the limit at which it was killed a container may
	// have wanted to go: VPA's ratio (OOMBumpUpRatio).
	oomMargin = 1.2
	// newLimit is how far above the request a memory limit is put where there was
	// none: a leak is stopped, a busy day is not.
	newLimit = 1.5
	// unthrottled is how far above the highest sample a CPU limit is put that
	// throttles: samples are means over minutes, bursts are shorter.
	unthrottled = 2
)

// ours: a CPU request is a share under contention and what nodes are filled by,
// so it is what the worst pod needs for all but a twentieth of the time: on a
// full node it waits then, and nothing breaks. The worst pod, not the pool: load
// is rarely even, and a template has one number for all its pods. Memory cannot
// be taken back, and a pod above its request is evicted first, so its request is
// the highest peak of any pod with a margin; where the container was killed for
// memory the limit hid how much it wanted, so it is more than that limit.
//
// No CPU limit is invented, because idle CPU that nobody may use helps nobody
// (one that a LimitRange gives stays). A limit that is there is raised where it
// throttles, and never lowered: what is reserved is the request. A memory limit
// is set where there is none, and never lowered either. A pod that is Guaranteed
// stays so: its limits are its requests, and the CPU request is then the p99,
// because it throttles there.
func (d *draft) ours(name corev1.ResourceName) {
	o := d.u.observed(name)
	guaranteed := QoS(d.sample()) == corev1.PodQOSGuaranteed
	args := map[string]any{"pod": o.Worst.Pod, "pods": o.Pods, "covered": o.Covered, "samples": o.Worst.Samples}
	limit, limited := d.want.Limits[name]
	if name == corev1.ResourceCPU {
		need := o.Worst.p95
		args["value"] = o.Worst.P95
		id := "suggest-cpu"
		if guaranteed {
			need, args["value"], id = o.Worst.p99, o.Worst.P99, "suggest-cpu-guaranteed"
		}
		d.because(id, args)
		d.want.Requests[name] = roundUpTo(name, max(need, 0.010))
		if limited && !guaranteed {
			d.cpuLimit(limit, o)
		}
	} else {
		need := o.Worst.max * memoryMargin
		args["value"] = o.Worst.Max
		d.because("suggest-memory", args)
		if killed := limit.AsApproximateFloat64() * oomMargin; d.u.OOMKilled > 0 && limited && killed > need {
			need = killed
			d.because("suggest-oom", map[string]any{"n": d.u.OOMKilled, "limit": limit.String()})
		}
		d.want.Requests[name] = roundUpTo(name, max(need, 32<<20))
		switch {
		case guaranteed:
		case !limited:
			d.want.Limits[name] = roundUpTo(name, need*newLimit)
			d.because("suggest-memory-limit", nil)
		case d.u.OOMKilled > 0:
			d.want.Limits[name] = roundUpTo(name, max(need*newLimit, limit.AsApproximateFloat64()))
		}
	}
	asked := d.want.Requests[name]
	if held, ok := d.want.Limits[name]; guaranteed || ok && held.Cmp(asked) < 0 {
		d.want.Limits[name] = asked.DeepCopy()
	}
}

// cpuLimit raises a limit that holds the container back.
func (d *draft) cpuLimit(limit resource.Quantity, o *Observed) {
	if d.u.share < throttledNote || d.u.periods < leastPeriods {
		return
	}
	raised := roundUpTo(corev1.ResourceCPU, max(o.Worst.max, limit.AsApproximateFloat64())*unthrottled)
	d.want.Limits[corev1.ResourceCPU] = raised
	d.because("suggest-throttled", map[string]any{"percent": int(d.u.share*100 + 0.5), "limit": limit.String()})
}

// krr is the simple strategy of robusta-dev/krr (robusta_krr/strategies/simple.py):
// CPU request the p95 of the pod with the highest, and no CPU limit; memory
// request and limit the highest peak of any pod and 15 %; where it was killed for
// memory, the limit and a quarter if that is more (--use_oomkill_data); at least
// 10m and 100Mi. Its samples are rates over 75 s; ours are over AveragedOver.
func (d *draft) krr(name corev1.ResourceName) {
	o := d.u.observed(name)
	if name == corev1.ResourceCPU {
		d.want.Requests[name] = quantityOf(name, max(o.Worst.p95, 0.010))
		delete(d.want.Limits, name)
		d.because("suggest-krr-cpu", map[string]any{"pod": o.Worst.Pod, "value": o.Worst.P95, "covered": o.Covered})
		return
	}
	need := o.Worst.max * 1.15
	limit := d.u.spec.Limits[name]
	if d.u.OOMKilled > 0 {
		need = max(need, limit.AsApproximateFloat64()*1.25)
	}
	d.want.Requests[name] = mebibytes(max(need, 100<<20))
	d.want.Limits[name] = mebibytes(max(need, 100<<20))
	d.because("suggest-krr-memory", map[string]any{"pod": o.Worst.Pod, "value": o.Worst.Max, "covered": o.Covered})
}

// sample is the pod as it runs, or as it would be made.
func (a *adviser) sample() *corev1.Pod {
	if pods := a.h.pods[a.w.Ref]; len(pods) > 0 {
		return pods[0]
	}
	return a.w.Pod(0)
}

// roundUpTo rounds to what people write: 5m, 1Mi.
func roundUpTo(name corev1.ResourceName, v float64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Ceil(v*1000/5-1e-9))*5, resource.DecimalSI)
	}
	return mebibytes(v)
}

func mebibytes(v float64) resource.Quantity {
	const mi = 1 << 20
	return *resource.NewQuantity(int64(math.Ceil(v/mi))*mi, resource.BinarySI)
}
