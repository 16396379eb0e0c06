package quota

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// Bound is a kind of constraint in a LimitRange.
type Bound string

// The bounds, as the fields of a LimitRange are called.
const (
	BoundMin   Bound = "min"
	BoundMax   Bound = "max"
	BoundRatio Bound = "maxLimitRequestRatio"
)

// Breach is one bound of a LimitRange that an object breaks.
type Breach struct {
	// Type is that of the LimitRange's item.
	Type corev1.LimitType
	// Container is empty for the pod as a whole and for claims.
	Container string
	Bound     Bound
	Resource  corev1.ResourceName
	// Limit is what the LimitRange allows.
	Limit resource.Quantity
	// Missing says that a request or limit is not there at all.
	Missing bool
	// Reason is the API server's sentence.
	Reason string
}

// checkRange holds the pod to the LimitRange; it lists every breach, in order of
// items, containers and resources (limitranger, PodValidateLimitFunc).
func checkRange(pod *corev1.Pod, lr *corev1.LimitRange) []Breach {
	var out []Breach
	for _, item := range lr.Spec.Limits {
		switch item.Type {
		case corev1.LimitTypeContainer:
			each(pod, func(c *corev1.Container, _ bool) {
				out = append(out, checkItem(item, c.Name, c.Resources.Requests, c.Resources.Limits)...)
			})
		case corev1.LimitTypePod:
			out = append(out, checkItem(item, "", Requests(pod, Limited), Limits(pod, Limited))...)
		default: // of claims
		}
	}
	return out
}

// checkClaimRange holds a claim to the LimitRange
// (PersistentVolumeClaimValidateLimitFunc): only its request is looked at.
func checkClaimRange(claim *corev1.PersistentVolumeClaim, lr *corev1.LimitRange) []Breach {
	var out []Breach
	for _, item := range lr.Spec.Limits {
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		v := values{item.Type, claim.Spec.Resources.Requests, nil}
		for _, name := range names(item.Min) {
			out = v.note(out, "", BoundMin, name, item.Min[name], v.atLeast)
		}
		for _, name := range names(item.Max) {
			out = v.note(out, "", BoundMax, name, item.Max[name], v.requestAtMost)
		}
	}
	return out
}

func checkItem(item corev1.LimitRangeItem, container string, requests, limits corev1.ResourceList) []Breach {
	v := values{item.Type, requests, limits}
	var out []Breach
	for _, name := range names(item.Min) {
		out = v.note(out, container, BoundMin, name, item.Min[name], v.atLeast)
	}
	for _, name := range names(item.Max) {
		out = v.note(out, container, BoundMax, name, item.Max[name], v.atMost)
	}
	for _, name := range names(item.MaxLimitRequestRatio) {
		out = v.note(out, container, BoundRatio, name, item.MaxLimitRequestRatio[name], v.ratio)
	}
	return out
}

// values are the requests and limits that are held against an item.
type values struct {
	of               corev1.LimitType
	requests, limits corev1.ResourceList
}

func (v values) note(out []Breach, container string, b Bound, name corev1.ResourceName, limit resource.Quantity, check func(corev1.ResourceName, resource.Quantity) (string, bool)) []Breach {
	if reason, missing := check(name, limit); reason != "" {
		out = append(out, Breach{Type: v.of, Container: container, Bound: b, Resource: name, Limit: limit, Missing: missing, Reason: reason})
	}
	return out
}

// atLeast, atMost, requestAtMost and ratio give the API server's sentence,
// empty where the bound is kept, and whether it is about something not set.
func (v values) atLeast(name corev1.ResourceName, limit resource.Quantity) (string, bool) {
	request, asked := v.requests[name]
	most, limited := v.limits[name]
	r, l, bound := comparable3(request, most, limit)
	said := fmt.Sprintf("minimum %s usage per %s is %s", name, v.of, limit.String())
	switch {
	case !asked:
		return said + ".  No request is specified", true
	case r < bound:
		return said + ", but request is " + request.String(), false
	case limited && l < bound:
		return said + ", but limit is " + most.String(), false
	}
	return "", false
}

func (v values) atMost(name corev1.ResourceName, limit resource.Quantity) (string, bool) {
	request, asked := v.requests[name]
	most, limited := v.limits[name]
	r, l, bound := comparable3(request, most, limit)
	said := fmt.Sprintf("maximum %s usage per %s is %s", name, v.of, limit.String())
	switch {
	case !limited:
		return said + ".  No limit is specified", true
	case l > bound:
		return said + ", but limit is " + most.String(), false
	case asked && r > bound:
		return said + ", but request is " + request.String(), false
	}
	return "", false
}

func (v values) requestAtMost(name corev1.ResourceName, limit resource.Quantity) (string, bool) {
	request, asked := v.requests[name]
	r, _, bound := comparable3(request, resource.Quantity{}, limit)
	said := fmt.Sprintf("maximum %s usage per %s is %s", name, v.of, limit.String())
	switch {
	case !asked:
		return said + ".  No request is specified", true
	case r > bound:
		return said + ", but request is " + request.String(), false
	}
	return "", false
}

func (v values) ratio(name corev1.ResourceName, limit resource.Quantity) (string, bool) {
	request, most := v.requests[name], v.limits[name]
	r, l, _ := comparable3(request, most, limit)
	said := fmt.Sprintf("%s max limit to request ratio per %s is %s, but ", name, v.of, limit.String())
	switch {
	case r == 0:
		return said + "no request is specified or request is 0", true
	case l == 0:
		return said + "no limit is specified or limit is 0", true
	}
	shown := float64(l) / float64(r)
	seen, bound := shown, float64(limit.Value())
	if limit.Value() <= resource.MaxMilliValue {
		seen, bound = shown*1000, float64(limit.MilliValue())
	}
	if seen > bound {
		return said + fmt.Sprintf("provided ratio is %f", shown), false
	}
	return "", false
}

// comparable3 gives the three in thousandths, or in whole units where one is
// too large for that (requestLimitEnforcedValues).
func comparable3(request, limit, bound resource.Quantity) (r, l, b int64) {
	r, l, b = request.Value(), limit.Value(), bound.Value()
	if r <= resource.MaxMilliValue && l <= resource.MaxMilliValue && b <= resource.MaxMilliValue {
		r, l, b = request.MilliValue(), limit.MilliValue(), bound.MilliValue()
	}
	return r, l, b
}

// together writes several sentences as the API server joins them.
func together(breaches []Breach) error {
	all := make([]error, len(breaches))
	for i, b := range breaches {
		all[i] = errors.New(b.Reason)
	}
	return utilerrors.NewAggregate(all)
}
