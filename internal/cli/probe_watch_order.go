package cli

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// Each kind is told by a watch of its own, and they run apart: that a pod has left
// its Service may be heard before that it is not ready, which is why it left.
// settles is by how much; turn is how often it is looked whether the time is over.
const (
	settles = 500 * time.Millisecond
	turn    = 100 * time.Millisecond
)

// settling holds what was heard until nothing that came before it can still come.
type settling struct {
	// objects are in the order of their resource versions, which the API server gives out
	// one after the other; events may be kept in a store of their own, and stand as they came.
	objects, events []heard
	last            time.Time
}

// heard is a notice, with when it came by our own clock.
type heard struct {
	live.Notice
	came time.Time
}

func (s *settling) add(n live.Notice, came time.Time) {
	if _, ok := n.Object.(*corev1.Event); ok {
		s.events = append(s.events, heard{n, came})
		return
	}
	s.objects = append(s.objects, heard{n, came})
	slices.SortStableFunc(s.objects, func(a, b heard) int { return cmp.Compare(a.version(), b.version()) })
}

// version is the notice's place in the order; 0 where the API server gives none that is a number.
func (h heard) version() uint64 {
	n, err := strconv.ParseUint(h.Object.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// take gives what has settled by now, the oldest first. No time goes backwards.
func (s *settling) take(now time.Time) []live.Notice {
	var out []live.Notice
	for {
		from := &s.objects
		if len(s.objects) == 0 || len(s.events) > 0 && s.events[0].At.Before(s.objects[0].At) {
			from = &s.events
		}
		if len(*from) == 0 || now.Sub((*from)[0].came) < settles {
			return out
		}
		n := (*from)[0].Notice
		*from = (*from)[1:]
		if n.At.Before(s.last) {
			n.At = s.last
		}
		s.last = n.At
		out = append(out, n)
	}
}
