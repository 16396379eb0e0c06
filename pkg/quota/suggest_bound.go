package quota

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
)

// bound fits the method's values between what the cluster allows: the
// LimitRange's item for containers, the largest node, and what quotas have left
// for the pods that are to run. Each that binds is a reason of its own, and the
// value that the method gave stays beside it.
func (d *draft) bound(name corev1.ResourceName) {
	d.intoRange(name)
	d.ontoNode(name)
	d.intoQuotas(name)
	d.intoRange(name) // a quota's rest is no reason to be refused by a LimitRange
}

// rangeBounds is what all LimitRanges together say of one resource of a container.
type rangeBounds struct {
	min, max, ratio, fill *resource.Quantity
	name                  string
}

func (d *draft) rangeFor(name corev1.ResourceName) rangeBounds {
	var out rangeBounds
	for _, lr := range d.space.ranges {
		for _, item := range lr.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			if q, ok := item.Min[name]; ok && (out.min == nil || q.Cmp(*out.min) > 0) {
				out.min, out.name = &q, lr.Name
			}
			if q, ok := item.Max[name]; ok && (out.max == nil || q.Cmp(*out.max) < 0) {
				out.max, out.name = &q, lr.Name
			}
			if q, ok := item.MaxLimitRequestRatio[name]; ok && (out.ratio == nil || q.Cmp(*out.ratio) < 0) {
				out.ratio, out.name = &q, lr.Name
			}
			if q, ok := item.Default[name]; ok && out.fill == nil {
				out.fill = &q
			}
		}
	}
	return out
}

// intoRange: min ≤ request ≤ limit ≤ max, and limit/request within the ratio. A
// limit that is left out is filled in by the LimitRange, so it counts as said.
func (d *draft) intoRange(name corev1.ResourceName) {
	r := d.rangeFor(name)
	request, limit := d.want.Requests[name], d.want.Limits[name]
	_, limited := d.want.Limits[name]
	before, beforeLimit := request.DeepCopy(), limit.DeepCopy()
	if !limited && r.fill != nil {
		limit = r.fill.DeepCopy()
	}
	// A ratio takes a limit, and refuses a container without one.
	hasLimit := limited || r.fill != nil || r.ratio != nil
	if r.min != nil && request.Cmp(*r.min) < 0 {
		request = r.min.DeepCopy()
	}
	if r.max != nil && request.Cmp(*r.max) > 0 {
		request = r.max.DeepCopy()
	}
	if hasLimit && limit.Cmp(request) < 0 {
		limit = request.DeepCopy()
	}
	if hasLimit && r.max != nil && limit.Cmp(*r.max) > 0 {
		limit = r.max.DeepCopy()
	}
	if hasLimit && r.ratio != nil && r.ratio.Sign() > 0 {
		limit = withinRatio(name, request, limit, *r.ratio)
	}
	d.want.Requests[name] = request
	if filled := r.fill != nil && !limited && limit.Cmp(*r.fill) == 0; hasLimit && !filled {
		d.want.Limits[name] = limit
	}
	if request.Cmp(before) != 0 || limited && limit.Cmp(beforeLimit) != 0 && r.name != "" {
		d.because("suggest-range", map[string]any{"range": r.name, "resource": string(name), "value": request.String()})
	}
}

// withinRatio lowers the limit to what the ratio allows.
func withinRatio(name corev1.ResourceName, request, limit, ratio resource.Quantity) resource.Quantity {
	most := request.AsApproximateFloat64() * ratio.AsApproximateFloat64()
	if limit.AsApproximateFloat64() <= most {
		return limit
	}
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Floor(most*1000+1e-6)), resource.DecimalSI)
	}
	return *resource.NewQuantity(int64(math.Floor(most)), resource.BinarySI)
}

// ontoNode: a pod that asks for more than the largest node has runs nowhere.
func (d *draft) ontoNode(name corev1.ResourceName) {
	var largest resource.Quantity
	for _, o := range d.h.s.OfKind("Node", "") {
		if node, ok := o.(*corev1.Node); ok {
			if q := node.Status.Allocatable[name]; q.Cmp(largest) > 0 {
				largest = q
			}
		}
	}
	if largest.IsZero() {
		return
	}
	others := Requests(d.sample(), Incoming)[name]
	others = others.DeepCopy()
	others.Sub(d.u.spec.Requests[name])
	room := largest.DeepCopy()
	room.Sub(others)
	if request := d.want.Requests[name]; room.Sign() > 0 && request.Cmp(room) > 0 {
		d.want.Requests[name] = room.DeepCopy()
		d.because("suggest-node", map[string]any{"resource": string(name), "node": fit.Human(name, largest, false), "value": room.String()})
	}
}

// intoQuotas: a request that grows takes more of each quota that counts it, once
// for every pod. Where that is more than is left, new pods would be refused; so
// it grows by an equal share of what is left, and no further. Suggestions for
// other workloads are not reckoned with: each stands alone.
func (d *draft) intoQuotas(name corev1.ResourceName) {
	pods := max(d.w.Pods, len(d.h.pods[d.w.Ref]), 1)
	if d.spent == nil {
		d.spent = corev1.ResourceList{}
	}
	sample := d.sample()
	for list, values := range d.lists() {
		value, ok := values[name]
		if !ok {
			continue
		}
		now := d.current(list)[name]
		for _, l := range d.space.ledgers {
			for _, key := range quotaKeys(list, name) {
				if _, counts := l.quota.Status.Hard[key]; !counts || !l.matches(sample) {
					continue
				}
				left := l.left(key)
				left.Sub(d.spent[key])
				share := left.AsApproximateFloat64() / float64(pods)
				most := now.AsApproximateFloat64() + max(share, 0)
				if value.AsApproximateFloat64() <= most+1e-9 || value.Cmp(now) <= 0 {
					continue
				}
				value = floorOf(name, most)
				values[name] = value
				d.because("suggest-quota", map[string]any{"quota": l.quota.Name, "key": string(key), "value": value.String(), "pods": pods})
			}
		}
		grown := value.DeepCopy()
		grown.Sub(now)
		for _, key := range quotaKeys(list, name) {
			if grown.Sign() > 0 {
				addTo(d.spent, corev1.ResourceList{key: *product(grown, int64(pods))})
			}
		}
	}
	if request, limit := d.want.Requests[name], d.want.Limits[name]; !limit.IsZero() && request.Cmp(limit) > 0 {
		d.want.Requests[name] = limit.DeepCopy()
	}
}

// current is what the container has now.
func (d *draft) current(list string) corev1.ResourceList {
	if list == "limits" {
		return d.u.spec.Limits
	}
	return d.u.spec.Requests
}

// quotaKeys are the names under which quotas count a request or a limit.
func quotaKeys(list string, name corev1.ResourceName) []corev1.ResourceName {
	keys := []corev1.ResourceName{corev1.ResourceName(list + "." + string(name))}
	if list == "requests" {
		keys = append(keys, name)
	}
	return keys
}

// floorOf rounds down, so that it still fits.
func floorOf(name corev1.ResourceName, v float64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(int64(math.Floor(v*1000+1e-6)), resource.DecimalSI)
	}
	const mi = 1 << 20
	if v >= 16*mi {
		v = math.Floor(v/mi) * mi
	}
	return *resource.NewQuantity(int64(math.Floor(v)), resource.BinarySI)
}
