package fit

import (
	"sort"

	corev1 "k8s.io/api/core/v1"
)

// resources: request ≤ allocatable − held for everything that is asked for,
// and one pod more must be allowed (noderesources/fit.go, fitsRequest).
func (j *judge) resources() filter {
	names := resourceOrder(j.asked)
	return func(h *host) []Refusal {
		var out []Refusal
		if held := int64(len(h.pods)); held+1 > h.allocatable[corev1.ResourcePods] {
			out = append(out, shortage(corev1.ResourcePods, 1, held, h.allocatable[corev1.ResourcePods]))
		}
		for _, name := range names {
			asked := j.asked[name]
			if asked > 0 && asked > h.allocatable[name]-h.requested[name] {
				out = append(out, shortage(name, asked, h.requested[name], h.allocatable[name]))
			}
		}
		return out
	}
}

func shortage(name corev1.ResourceName, asked, held, allocatable int64) Refusal {
	free := allocatable - held
	return Refusal{Reason: Insufficient, Shortage: &Shortage{
		Resource: name, Asked: quantity(name, asked), Free: quantity(name, free),
		Allocatable: quantity(name, allocatable), Short: quantity(name, asked-free),
	}}
}

// resourceOrder is CPU, memory, ephemeral storage, then the others by name.
func resourceOrder(a amounts) []corev1.ResourceName {
	rank := map[corev1.ResourceName]int{corev1.ResourceCPU: 0, corev1.ResourceMemory: 1, corev1.ResourceEphemeralStorage: 2}
	of := func(n corev1.ResourceName) int {
		if r, ok := rank[n]; ok {
			return r
		}
		return len(rank)
	}
	names := make([]corev1.ResourceName, 0, len(a))
	for n := range a {
		names = append(names, n)
	}
	sort.Slice(names, func(x, y int) bool {
		if of(names[x]) != of(names[y]) {
			return of(names[x]) < of(names[y])
		}
		return names[x] < names[y]
	})
	return names
}
