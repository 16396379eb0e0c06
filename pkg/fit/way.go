package fit

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	helper "k8s.io/component-helpers/scheduling/corev1"
)

// Way is one of the many in which pods may come to their nodes. Which one a
// scheduler takes hangs on what comes into its queue first, on the scores, and
// between nodes of equal score on chance (schedule_one.go, selectHost).
type Way struct {
	Order  Order
	Choice Choice
	// Seed makes chance repeatable.
	Seed uint64
}

// Order is the order in which pods come; those of a higher priority are always
// first (queuesort/priority_sort.go).
type Order int

// The orders.
const (
	// InTurn: one batch behind the other.
	InTurn Order = iota
	// Backwards: the last batch first.
	Backwards
	// Alternating: a pod of each batch by turns.
	Alternating
	// Shuffled: by chance.
	Shuffled
)

// Choice is which of the nodes that take a pod gets it.
type Choice int

// The choices.
const (
	// LeastUsed is the one whose CPU and memory are the least asked for, as the
	// scheduler does by default (noderesources/least_allocated.go).
	LeastUsed Choice = iota
	// Fewest is the one that has got the fewest pods of the batch.
	Fewest
	// MostUsed fills one node after the other.
	MostUsed
	// Anyone is any of them.
	Anyone
)

// queue is the order of the pods, each given by the index of its batch, at most
// so many of one batch.
func (w Way) queue(batches []Batch, most int) []int {
	type place struct {
		batch int
		turn  uint64
	}
	var all []place
	for i, b := range batches {
		for k := range min(b.Pods, most) {
			turn := uint64(0)
			switch w.Order {
			case InTurn:
				turn = uint64(i)
			case Backwards:
				turn = uint64(len(batches) - i)
			case Alternating:
				turn = uint64(k)
			case Shuffled:
				turn = w.chance(uint64(i), uint64(k))
			}
			all = append(all, place{i, turn})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int {
		if first, second := helper.PodPriority(batches[a.batch].Pod), helper.PodPriority(batches[b.batch].Pod); first != second {
			return cmp.Compare(second, first)
		}
		return cmp.Compare(a.turn, b.turn)
	})
	out := make([]int, len(all))
	for i, p := range all {
		out[i] = p.batch
	}
	return out
}

// worth is how much the way likes the node for the pod with this index; of equal
// ones the first gets it.
func (w Way) worth(p *placer, h *host, index int) float64 {
	switch w.Choice {
	case LeastUsed:
		return p.free[h.at]
	case Fewest:
		return -float64(p.got[h.at])
	case MostUsed:
		return -p.free[h.at]
	case Anyone:
		return float64(w.chance(p.mark[h.at], uint64(index)))
	}
	return 0
}

// free is the mean share of CPU and memory that nobody asks for once the pod is there.
func (h *host) free(asked amounts) float64 {
	sum := 0.0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if all := h.allocatable[name]; all > 0 {
			sum += float64(all-h.requested[name]-asked[name]) / float64(all)
		}
	}
	return sum - float64(len(h.pods))*1e-6 // of pods that ask for nothing each node gets some
}

// chance is a number that looks drawn (splitmix64).
func (w Way) chance(a, b uint64) uint64 {
	x := w.Seed*0x9e3779b97f4a7c15 + a*0xbf58476d1ce4e5b9 + b*0x94d049bb133111eb
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
