package rollout

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
)

// statefulSet holds two versions of a StatefulSet by its partition: of n Pods,
// counted from the first ordinal, those from the partition on are of the
// template in force (pkg/controller/statefulset/stateful_set_control.go). The
// partition is lowered by one Pod at a time, for the controller asks no budget.
//
// Pods that replicas add are new ones, and those that it takes away are new ones
// first. More new Pods than asked for are settled for: nothing but the way back
// makes a Pod an old one again.
type statefulSet struct{}

func (statefulSet) paths() []Pointer { return []Pointer{TemplateField, UpdateStrategyField} }

// reach replaces Pods in place: there are n, never more.
func (statefulSet) reach(n, _ int, asked Weight) Mix { return nearest(n, 0, asked) }

func (h statefulSet) toward(s *State, w *World, want Mix) move {
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	n := w.Workload.Replicas
	if n == 0 {
		return move{waits: "the workload has no replicas: there is nothing to share"}
	}
	partition, ok := partitionOf(s, w)
	if !inForce(s, w) || !ok {
		fields := Fields{TemplateField: s.Template, UpdateStrategyField: partitioned(s, n)}
		return move{write: edit(s, w, fields, PurposeStart), waits: "the controller to name the new version"}
	}
	if s.NewHash == "" {
		return move{waits: "the controller to name the new version"}
	}
	stale := func(p Pod) bool { return p.Hash == s.OldHash }
	pods := h.pods(w)
	r := count(n, pods, stale)
	if at, under := h.underWay(s, w, pods, partition, stale); under {
		return at
	}
	if why := r.waits("new"); why != "" {
		return move{waits: why}
	}
	if r.updated >= want.New || r.left == 0 {
		return move{settled: true}
	}
	return h.lower(s, w, pods, stale, PurposeMove)
}

// underWay waits for the controller to replace what the partition lets it.
//
// Under OrderedReady the controller waits for a Pod that is not ready before it
// replaces any, even where that very Pod is to be replaced. Such a Pod is
// deleted here: nobody is served by it, and its successor is of the template in
// force, as it is not below the partition.
func (statefulSet) underWay(s *State, w *World, pods []Pod, partition int, stale func(Pod) bool) (move, bool) {
	for _, p := range pods {
		if stale(p) && !p.Deleting && !p.Ready && p.Ordinal-w.Workload.Start >= partition {
			return move{write: replace(s, p), waits: "pod " + p.Name + " to be replaced"}, true
		}
	}
	for _, p := range pods {
		if stale(p) && p.Ordinal-w.Workload.Start >= partition {
			return move{waits: "pod " + p.Name + " to be replaced"}, true
		}
	}
	return move{}, false
}

// lower lets the controller replace one Pod more: the last of those left. Every
// other one has to be ready, for the controller would wait as well.
func (statefulSet) lower(s *State, w *World, pods []Pod, stale func(Pod) bool, why Purpose) move {
	last := -1
	for i, p := range pods {
		if stale(p) && (last < 0 || p.Ordinal > pods[last].Ordinal) {
			last = i
		}
	}
	for i, p := range pods {
		if i != last && !p.Ready {
			return move{waits: fmt.Sprintf("pod %s is not ready", p.Name)}
		}
	}
	if budget := mayTake(w, pods[last]); budget != "" {
		return move{waits: budget}
	}
	fields := Fields{UpdateStrategyField: partitioned(s, pods[last].Ordinal-w.Workload.Start)}
	return move{write: edit(s, w, fields, why), waits: "pod " + pods[last].Name + " to be replaced"}
}

func (h statefulSet) release(s *State, w *World) move {
	if w.Workload == nil {
		return move{waits: blind(w)}
	}
	r := count(w.Workload.Replicas, h.pods(w), func(p Pod) bool { return p.Hash == s.OldHash })
	_, holds := partitionOf(s, w)
	return letGo(s, w, r, holds, func(want Mix) move { return h.toward(s, w, want) })
}

// back puts the old template in force with a partition that lets nothing
// happen, and then lowers it as on the way there. The new version's Pods that
// are not ready go first: under OrderedReady everything else waits for them.
func (h statefulSet) back(s *State, w *World) move {
	if w.Workload == nil {
		return move{settled: true}
	}
	if w.Workload.Deleting {
		return move{waits: blind(w)}
	}
	stale := func(p Pod) bool { return isNewPod(s, p) }
	pods, n := h.pods(w), w.Workload.Replicas
	r := count(n, pods, stale)
	if write := edit(s, w, before(s, TemplateField), PurposeBack); write != nil {
		fields := before(s, TemplateField)
		fields[UpdateStrategyField] = partitioned(s, n)
		return move{write: edit(s, w, fields, PurposeBack), waits: "the old version to take over"}
	}
	partition, ok := partitionOf(s, w)
	if r.left == 0 && !anyOf(pods, stale) || !ok {
		return giveBack(s, w, r)
	}
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	for _, p := range pods {
		if index := p.Ordinal - w.Workload.Start; stale(p) && !p.Ready && !p.Deleting && index < partition {
			fields := Fields{UpdateStrategyField: partitioned(s, index)}
			return move{write: edit(s, w, fields, PurposeMove), waits: "pod " + p.Name + " to be replaced"}
		}
	}
	if at, under := h.underWay(s, w, pods, partition, stale); under {
		return at
	}
	if why := r.waits("old"); why != "" && patient(s) {
		return move{waits: why}
	}
	return h.lower(s, w, pods, stale, PurposeMove)
}

// pods are those that replicas ask for; others are being taken away.
func (statefulSet) pods(w *World) []Pod {
	var pods []Pod
	for _, p := range w.Workload.Pods {
		if index := p.Ordinal - w.Workload.Start; index >= 0 && index < w.Workload.Replicas {
			pods = append(pods, p)
		}
	}
	return pods
}

func anyOf(pods []Pod, is func(Pod) bool) bool {
	for _, p := range pods {
		if is(p) {
			return true
		}
	}
	return false
}

// partitionOf is the partition in force; false where the strategy has none.
func partitionOf(s *State, w *World) (int, bool) {
	strategy, ok := updateStrategy(w.Live[s.Spec.Workload].Fields[UpdateStrategyField])
	if !ok || strategy.Type != appsv1.RollingUpdateStatefulSetStrategyType ||
		strategy.RollingUpdate == nil || strategy.RollingUpdate.Partition == nil {
		return 0, false
	}
	return int(*strategy.RollingUpdate.Partition), true
}

func updateStrategy(raw json.RawMessage) (appsv1.StatefulSetUpdateStrategy, bool) {
	var strategy appsv1.StatefulSetUpdateStrategy
	return strategy, len(raw) > 0 && json.Unmarshal(raw, &strategy) == nil
}

// partitioned is the strategy with a partition. A maxUnavailable of the owner's
// stays: a server that knows the field would fill it in, and one that does not
// has none.
func partitioned(s *State, partition int) json.RawMessage {
	p := int32(partition)
	rolling := appsv1.RollingUpdateStatefulSetStrategy{Partition: &p}
	if original, ok := updateStrategy(s.Workload().Original[UpdateStrategyField]); ok && original.RollingUpdate != nil {
		rolling.MaxUnavailable = original.RollingUpdate.MaxUnavailable
	}
	return rawJSON(appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &rolling})
}
