package rollout

import (
	"encoding/json"
	"math"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// roomFor is the most Pods that both versions may have together.
func roomFor(s *State, n int, want Mix) int {
	return max(n+max(1, s.Spec.MaxSurge), want.Old+want.New)
}

// onward is the next mix on the way from one whose new Pods are all ready: as
// few old Pods as those leave room for, then as many new ones as there is room
// for. What was taken or made stays so, as the controller has it. There are
// never fewer Pods than n; floor is how many old ones must stay besides.
func onward(n, room, floor int, at, want Mix) Mix {
	next := Mix{Old: min(at.Old, max(want.Old, n-at.New, floor))}
	next.New = min(n, max(at.New, min(want.New, room-next.Old), n-next.Old))
	return next
}

// closest is the mix nearest to want's share among those that can be gone to
// from at: old Pods are only ever taken away, and new ones only added. Of two
// that are as near, the one of fewer Pods.
func closest(n, room int, at, want Mix) Mix {
	if want.Old <= at.Old && want.New >= at.New {
		return want
	}
	share, best := want.Share(), at
	perOld := float64(share / max(All-share, rounding))
	for old := at.Old; old >= min(1, at.Old); old-- {
		low, high := max(at.New, n-old), min(n, room-old)
		if low > high {
			continue
		}
		for _, exact := range []float64{math.Floor(perOld * float64(old)), math.Ceil(perOld * float64(old))} {
			m := Mix{Old: old, New: int(min(max(exact, float64(low)), float64(high)))}
			gain := off(best, share) - off(m, share)
			if gain > rounding || gain > -rounding && m.Old+m.New < best.Old+best.New {
				best = m
			}
		}
	}
	return best
}

// isHeld says that the new template is in force and its Pods never count as available.
func isHeld(s *State, w *World) bool {
	return inForce(s, w) && Same(w.Live[s.Spec.Workload].Fields[MinReadyField], rawJSON(NeverAvailable))
}

// restOf is the mix that the controller comes to rest at, from what is there, by the strategy in force.
func restOf(s *State, w *World, n int) Mix {
	surge, unavailable := fenceposts(w.Live[s.Spec.Workload].Fields[StrategyField], n)
	rest := Mix{Old: min(w.Old.Wanted, n-unavailable)}
	rest.New = min(n, max(w.New.Wanted, n+surge-rest.Old))
	return rest
}

// fenceposts are maxSurge and maxUnavailable in Pods, as the controller resolves
// them: surge up, unavailable down, and not both to 0
// (pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts).
func fenceposts(raw json.RawMessage, n int) (surge, unavailable int) {
	var strategy appsv1.DeploymentStrategy
	if len(raw) == 0 || json.Unmarshal(raw, &strategy) != nil || strategy.RollingUpdate == nil {
		return 0, 0
	}
	surge = scaled(strategy.RollingUpdate.MaxSurge, n, true)
	unavailable = scaled(strategy.RollingUpdate.MaxUnavailable, n, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, min(unavailable, n)
}

func scaled(v *intstr.IntOrString, n int, up bool) int {
	if v == nil {
		return 0
	}
	pods, err := intstr.GetScaledValueFromIntOrPercent(v, n, up)
	if err != nil {
		return 0
	}
	return pods
}

// heldAt are the fields that hold a mix of n.
func heldAt(s *State, n int, m Mix) Fields {
	return Fields{
		TemplateField: s.Template,
		MinReadyField: rawJSON(NeverAvailable),
		DeadlineField: rawJSON(noDeadline),
		StrategyField: rolling(surgeOf(s, n, m), unavailableOf(n, n-m.Old)),
	}
}

// surgeOf is a number of Pods, for a canary must never have more Pods than it
// was allowed. Where the whole version runs twice it is a percentage: were
// replicas raised meanwhile, the controller could not raise the old version
// within a number of Pods, and it is the one that serves.
func surgeOf(s *State, n int, m Mix) intstr.IntOrString {
	surge := max(0, m.Old+m.New-n)
	if m.Old == n {
		surge = max(1, surge) // both 0 is invalid
	}
	if s.Spec.Strategy == BlueGreen && surge == n {
		return intstr.FromString("100%")
	}
	return intstr.FromInt32(int32(surge))
}

// unavailableOf is a percentage where one resolves to exactly that many Pods of n,
// which up to n = 100 one always does. A number would stay when an autoscaler
// lowers replicas, and the controller would take away old Pods for new ones that
// are not there yet: 7 + 3 of 10 scaled to 4 would become 1 + 3, as a percentage
// it becomes 3 + 1.
func unavailableOf(n, pods int) intstr.IntOrString {
	if pods <= 0 || n <= 0 {
		return intstr.FromInt32(0)
	}
	percent := int(math.Ceil(100 * float64(pods) / float64(n)))
	if percent*n/100 == pods {
		return intstr.FromString(strconv.Itoa(percent) + "%")
	}
	return intstr.FromInt32(int32(pods))
}

// carefully is the strategy on the way back: never fewer available Pods than
// replicas, and at least one beyond, for otherwise nothing would move.
func carefully(s *State, n int) json.RawMessage {
	var original appsv1.DeploymentStrategy
	surge := intstr.FromInt32(1)
	raw := s.Workload().Original[StrategyField]
	if len(raw) > 0 && json.Unmarshal(raw, &original) == nil && original.RollingUpdate != nil &&
		scaled(original.RollingUpdate.MaxSurge, max(1, n), true) > 0 {
		surge = *original.RollingUpdate.MaxSurge
	}
	return rolling(surge, intstr.FromInt32(0))
}

func rolling(surge, unavailable intstr.IntOrString) json.RawMessage {
	return rawJSON(appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
	})
}
