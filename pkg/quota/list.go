package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The arithmetic of resource lists, as the quota code of the API server does it
// (apiserver/pkg/quota/v1/resources.go). Sums keep the format of the first
// quantity, so that they print as the API server prints them.

// addTo adds list to sum, in place.
func addTo(sum, list corev1.ResourceList) {
	for name, q := range list {
		held, ok := sum[name]
		if !ok {
			sum[name] = q.DeepCopy()
			continue
		}
		held.Add(q)
		sum[name] = held
	}
}

// raiseTo lifts list to the greater of both, in place.
func raiseTo(list, other corev1.ResourceList) {
	for name, q := range other {
		if held, ok := list[name]; !ok || q.Cmp(held) > 0 {
			list[name] = q.DeepCopy()
		}
	}
}

// greatest is the greatest of each resource over the lists.
func greatest(lists ...corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, l := range lists {
		raiseTo(out, l)
	}
	return out
}

func sum(lists ...corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, l := range lists {
		addTo(out, l)
	}
	return out
}

// only is the part of the list with these names.
func only(list corev1.ResourceList, names []corev1.ResourceName) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, q := range list {
		if slices.Contains(names, name) {
			out[name] = q.DeepCopy()
		}
	}
	return out
}

// less is a − b for every resource of a, and nothing below zero.
func less(a, b corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, q := range a {
		left := q.DeepCopy()
		left.Sub(b[name])
		if left.Sign() < 0 {
			left = resource.Quantity{Format: q.Format}
		}
		out[name] = left
	}
	return out
}

// withoutZeros leaves out what is zero.
func withoutZeros(list corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, q := range list {
		if !q.IsZero() {
			out[name] = q
		}
	}
	return out
}

// names lists the resources of a list in order.
func names(list corev1.ResourceList) []corev1.ResourceName {
	out := make([]corev1.ResourceName, 0, len(list))
	for name := range list {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// equal says whether both hold the same resources with the same values.
func equal(a, b corev1.ResourceList) bool {
	if len(a) != len(b) {
		return false
	}
	for name, q := range a {
		if other, ok := b[name]; !ok || q.Cmp(other) != 0 {
			return false
		}
	}
	return true
}

// printed writes a list as the API server does in its messages: "cpu=1,pods=2".
func printed(list corev1.ResourceList) string {
	parts := make([]string, 0, len(list))
	for _, name := range names(list) {
		q := list[name]
		parts = append(parts, string(name)+"="+q.String())
	}
	return strings.Join(parts, ",")
}

// printedNames writes names as the API server does in its messages.
func printedNames(list []corev1.ResourceName) string {
	parts := make([]string, len(list))
	for i, name := range list {
		parts[i] = string(name)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func count(n int64) resource.Quantity { return *resource.NewQuantity(n, resource.DecimalSI) }
