package rollout

import "fmt"

// deployment holds two versions of a Deployment by new Pods that never count as
// available: minReadySeconds is beyond any time. The controller
// (pkg/controller/deployment/rolling.go) then comes to rest at
//
//	old = replicas - maxUnavailable
//	new = min(replicas, replicas + maxSurge - old)
//
// and stays there, through the death of any Pod.
//
// The controller only ever lowers the old and raises the new version. A change
// of replicas scales both in proportion and may leave more new Pods, or fewer
// old ones, than the step asks for; so may the step before, where the nearest
// mix had fewer Pods. Nothing but the way back could mend that. Then the nearest
// share that can still be reached is settled for.
type deployment struct{}

func (deployment) paths() []Pointer {
	return []Pointer{DeadlineField, MinReadyField, StrategyField, TemplateField}
}

func (deployment) reach(n, surge int, asked Weight) Mix { return nearest(n, surge, asked) }

// toward moves in steps that never take away more ready Pods than there are
// beyond the workload's replicas: new Pods first, and old ones only when every
// new one is ready.
func (d deployment) toward(s *State, w *World, want Mix) move {
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	n := w.Workload.Replicas
	if n == 0 {
		return move{waits: "the workload has no replicas: there is nothing to share"}
	}
	room := roomFor(s, n, want)
	if !isHeld(s, w) {
		return d.start(s, w, onward(n, room, 0, Mix{Old: n}, want))
	}
	rest := restOf(s, w, n)
	if why := unsettled(w, rest); why != "" {
		return move{waits: why}
	}
	if s.Spec.Strategy != BlueGreen { // which wants all of both, and no share
		want = closest(n, room, rest, want)
	}
	pods, budget := spare(w)
	next := onward(n, room, w.Old.Ready-pods, rest, want)
	if next != rest {
		return move{write: edit(s, w, heldAt(s, n, next), PurposeMove), waits: mixText(next)}
	}
	if onward(n, room, 0, rest, want) != rest {
		return move{waits: budget}
	}
	return move{settled: true}
}

func (d deployment) start(s *State, w *World, first Mix) move {
	for _, other := range w.Others {
		if other.Replicas > 0 {
			return move{waits: fmt.Sprintf("%d Pods of an earlier version are still there", other.Replicas)}
		}
	}
	if first.New == 0 {
		return move{settled: true}
	}
	return move{write: edit(s, w, heldAt(s, w.Workload.Replicas, first), PurposeStart), waits: mixText(first)}
}

// unsettled says what is still to happen before the controller is at rest with
// every new Pod ready; empty where it is.
func unsettled(w *World, rest Mix) string {
	switch {
	case w.New.Wanted < rest.New || w.New.Ready < rest.New:
		return ofPods(min(w.New.Ready, rest.New), rest.New, "new", "ready")
	case w.New.Wanted > rest.New || w.New.Replicas != rest.New:
		return ofPods(w.New.Replicas, rest.New, "new", "there")
	case w.Old.Wanted != rest.Old || w.Old.Replicas != rest.Old:
		return ofPods(w.Old.Replicas, rest.Old, "old", "there")
	}
	return ""
}

// release lets go once the new version alone has all replicas ready: the
// ordinary rolling update that follows could otherwise take Pods away under it.
func (d deployment) release(s *State, w *World) move {
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	n := w.Workload.Replicas
	if letGoYet := inForce(s, w) && !isHeld(s, w); n > 0 && !letGoYet && w.New.Ready < n {
		at := d.toward(s, w, Mix{New: n})
		at.settled = false
		return at
	}
	want := before(s, DeadlineField, MinReadyField, StrategyField)
	want[TemplateField] = s.Template
	if write := edit(s, w, want, PurposeRelease); write != nil {
		return move{write: write, waits: "the new version to take over"}
	}
	if w.New.Wanted < n || w.New.Replicas != n || w.New.Available < n {
		return move{waits: ofPods(w.New.Available, n, "new", "available")}
	}
	rest := w.Old.Replicas
	for _, other := range w.Others {
		rest += other.Replicas
	}
	if rest > 0 {
		return move{waits: fmt.Sprintf("%d old Pods are still there", rest)}
	}
	return move{settled: true}
}

// back puts the old template in force at once, and the rest as it was.
//
// To the controller the old version's ReplicaSet is then the new one. The Pods
// given up keep their ReplicaSet's minReadySeconds, so that they stay
// unavailable: they are cleaned up one for one as old Pods become available
// (cleanupUnhealthyReplicas), those that are not ready first, and with
// maxUnavailable 0 the ready Pods do not fall under replicas. Only then the
// strategy is as it was.
//
// A Pod of the old version that is not available for reasons of its own would
// keep a Pod of the new one for ever under maxUnavailable 0. So after half of
// the time that a step may take without any progress, the strategy that the
// owner chose decides.
func (d deployment) back(s *State, w *World) move {
	if w.Workload == nil {
		return move{settled: true}
	}
	if w.Workload.Deleting || w.Workload.Paused {
		return move{waits: blind(w)}
	}
	n := w.Workload.Replicas
	want := before(s, DeadlineField, MinReadyField, TemplateField)
	if write := edit(s, w, want, PurposeBack); write != nil {
		want[StrategyField] = carefully(s, n)
		return move{write: edit(s, w, want, PurposeBack), waits: "the old version to take over"}
	}
	gone := blind(w) == "" && w.New.Wanted == 0 && w.New.Replicas == 0
	full := w.Old.Wanted == n && w.Old.Replicas == n && w.Old.Available >= n
	write := edit(s, w, before(s, StrategyField), PurposeRestore)
	switch {
	case write != nil && (gone && full || !patient(s)):
		return move{write: write, waits: "the strategy as it was"}
	case write == nil && gone:
		return move{settled: true}
	case blind(w) != "":
		return move{waits: blind(w)}
	case gone || w.Old.Available < n:
		return move{waits: ofPods(w.Old.Available, n, "old", "available")}
	default:
		return move{waits: fmt.Sprintf("%d new Pods are still there", w.New.Replicas)}
	}
}

func mixText(m Mix) string { return fmt.Sprintf("%d old and %d new Pods", m.Old, m.New) }
