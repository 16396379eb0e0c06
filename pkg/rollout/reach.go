package rollout

import (
	"fmt"
	"math"
)

// Reach is the mix of a workload's n replicas that is nearest to the asked
// share, and what it comes to is Mix.Share. A Deployment may have up to surge
// Pods beyond n, the others replace Pods and have n. There is always a new Pod
// where a share was asked for, and always an old one where less than all was;
// except that a workload of a single Pod without surge goes over at once.
func Reach(kind string, n, surge int, asked Weight) (Mix, error) {
	h, err := holdFor(kind)
	if err != nil {
		return Mix{}, err
	}
	switch {
	case n < 1:
		return Mix{}, fmt.Errorf("%d replicas cannot share traffic: scale up first", n)
	case surge < 0:
		return Mix{}, fmt.Errorf("a surge of %d Pods is less than none", surge)
	case math.IsNaN(float64(asked)) || asked <= 0 || asked > All:
		return Mix{}, fmt.Errorf("weight %s is not above 0 and at most 100 per cent", asked)
	}
	return h.reach(n, surge, asked), nil
}

// Levels are the mixes that steps come to, one after the other: those of Reach,
// but for a Deployment that has taken away more old Pods before than a step
// would have; that cannot be undone, and the step then comes to the nearest mix
// that still can be reached.
func Levels(kind string, n, surge int, steps []Weight) ([]Mix, error) {
	levels, at := make([]Mix, 0, len(steps)), Mix{Old: n}
	for _, asked := range steps {
		want, err := Reach(kind, n, surge, asked)
		if err != nil {
			return nil, err
		}
		if kind == "Deployment" {
			want = closest(n, n+max(1, surge), at, want)
		}
		at = want
		levels = append(levels, at)
	}
	return levels, nil
}

// rounding is below any difference of two shares that Pods can make, and above what floating point does to equal ones.
const rounding Weight = 1e-9

func off(m Mix, asked Weight) Weight { return Weight(math.Abs(float64(m.Share() - asked))) }

// nearest compares the best mixes of each total; of two that are as near, the one of fewer Pods.
func nearest(n, surge int, asked Weight) Mix {
	switch {
	case n <= 0:
		return Mix{}
	case asked <= 0:
		return Mix{Old: n}
	case asked >= All:
		return Mix{New: n}
	}
	best := Mix{New: n}
	for total := n; total <= n+min(surge, n); total++ {
		// Neither version can have more than n.
		low, high := max(1, total-n), min(n, total-1)
		if low > high {
			continue
		}
		exact := float64(asked) / float64(All) * float64(total)
		for _, k := range []int{int(math.Floor(exact)), int(math.Ceil(exact))} {
			k = min(max(k, low), high)
			m := Mix{Old: total - k, New: k}
			if best.Old == 0 || off(m, asked) < off(best, asked)-rounding {
				best = m
			}
		}
	}
	return best
}

// Path lists the mixes that a Deployment of n goes through between two, if every
// Pod becomes ready: the last is the one asked for, or the nearest that the
// controller lets it reach, for new Pods are never taken away on the way.
func Path(n, surge int, from, to Mix) []Mix {
	room := max(n+max(1, surge), to.Old+to.New)
	to = closest(n, room, from, to)
	var path []Mix
	for at := from; ; {
		next := onward(n, room, 0, at, to)
		if next == at {
			return path
		}
		path, at = append(path, next), next
	}
}
