package quota

import (
	corev1 "k8s.io/api/core/v1"
)

// withRangeDefaults is the LimitRange as the API server keeps it: for
// containers a missing default is the max, a missing defaultRequest the default,
// else the min (pkg/apis/core/v1/defaults.go, SetDefaults_LimitRangeItem). So a
// LimitRange that says only max hands out that max as everybody's default.
func withRangeDefaults(in *corev1.LimitRange) *corev1.LimitRange {
	out := in.DeepCopy()
	for i := range out.Spec.Limits {
		item := &out.Spec.Limits[i]
		if item.Type == corev1.LimitTypeContainer {
			if item.Default == nil {
				item.Default = corev1.ResourceList{}
			}
			if item.DefaultRequest == nil {
				item.DefaultRequest = corev1.ResourceList{}
			}
			fill(item.Default, item.Max)
			fill(item.DefaultRequest, item.Default)
			fill(item.DefaultRequest, item.Min)
		}
		roundUp(item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio)
	}
	return out
}

// Filled is a default that a LimitRange gave to a container.
type Filled struct {
	LimitRange, Container string
	Requests, Limits      []corev1.ResourceName
}

// fillFromRange gives the pod's containers, init containers too, what they lack
// of the LimitRange's defaults (plugin/pkg/admission/limitranger, MutateLimit).
// Where two items or LimitRanges have a default for the same resource, the last
// item of the first LimitRange counts.
func fillFromRange(pod *corev1.Pod, lr *corev1.LimitRange) []Filled {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range lr.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		for name, q := range item.DefaultRequest {
			requests[name] = q.DeepCopy()
		}
		for name, q := range item.Default {
			limits[name] = q.DeepCopy()
		}
	}
	var out []Filled
	each(pod, func(c *corev1.Container, _ bool) {
		if c.Resources.Limits == nil {
			c.Resources.Limits = corev1.ResourceList{}
		}
		if c.Resources.Requests == nil {
			c.Resources.Requests = corev1.ResourceList{}
		}
		f := Filled{LimitRange: lr.Name, Container: c.Name}
		f.Limits, f.Requests = fill(c.Resources.Limits, limits), fill(c.Resources.Requests, requests)
		if len(f.Limits)+len(f.Requests) > 0 {
			out = append(out, f)
		}
	})
	return out
}
