package rollout

import (
	"cmp"
	"encoding/json"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// daemonSet holds two versions of a DaemonSet by the strategy OnDelete: a Pod
// stays as it is until it is deleted, and its successor on that node is of the
// template in force (pkg/controller/daemon/daemon_controller.go). So the Pods of
// the old version are deleted, one node at a time, in the order of the nodes'
// groups.
//
// A node that joins gets a new Pod. More new ones than asked for are settled for.
type daemonSet struct{}

func (daemonSet) paths() []Pointer { return []Pointer{TemplateField, UpdateStrategyField} }

// reach counts nodes, one Pod each.
func (daemonSet) reach(n, _ int, asked Weight) Mix { return nearest(n, 0, asked) }

func (daemonSet) toward(s *State, w *World, want Mix) move {
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	if w.Workload.Replicas == 0 {
		return move{waits: "the workload is meant for no node: there is nothing to share"}
	}
	if !inForce(s, w) || !onDelete(s, w) {
		fields := Fields{TemplateField: s.Template, UpdateStrategyField: whenDeleted()}
		return move{write: edit(s, w, fields, PurposeStart), waits: "the controller to name the new version"}
	}
	if s.NewHash == "" {
		return move{waits: "the controller to name the new version"}
	}
	stale := func(p Pod) bool { return p.Hash == s.OldHash }
	pods := byNode(w.Workload.Pods)
	r := count(w.Workload.Replicas, pods, stale)
	if why := r.waits("new"); why != "" {
		return move{waits: why}
	}
	next := slices.IndexFunc(pods, stale)
	if next < 0 || r.updated >= want.New {
		return move{settled: true}
	}
	return take(s, w, pods[next])
}

func (h daemonSet) release(s *State, w *World) move {
	if w.Workload == nil {
		return move{waits: blind(w)}
	}
	r := count(w.Workload.Replicas, w.Workload.Pods, func(p Pod) bool { return p.Hash == s.OldHash })
	return letGo(s, w, r, onDelete(s, w), func(want Mix) move { return h.toward(s, w, want) })
}

// back puts the old template in force and replaces the new version's Pods: those
// that are not ready at once, as they serve nobody, then the others in the
// reverse order.
func (daemonSet) back(s *State, w *World) move {
	if w.Workload == nil {
		return move{settled: true}
	}
	if w.Workload.Deleting {
		return move{waits: blind(w)}
	}
	if write := edit(s, w, before(s, TemplateField), PurposeBack); write != nil {
		fields := before(s, TemplateField)
		fields[UpdateStrategyField] = whenDeleted()
		return move{write: edit(s, w, fields, PurposeBack), waits: "the old version to take over"}
	}
	stale := func(p Pod) bool { return isNewPod(s, p) }
	pods := byNode(w.Workload.Pods)
	slices.Reverse(pods)
	r := count(w.Workload.Replicas, pods, stale)
	if !slices.ContainsFunc(pods, stale) {
		return giveBack(s, w, r)
	}
	if why := blind(w); why != "" {
		return move{waits: why}
	}
	broken := slices.IndexFunc(pods, func(p Pod) bool { return stale(p) && !p.Ready && !p.Deleting })
	if broken >= 0 {
		return take(s, w, pods[broken])
	}
	if why := r.waits("old"); why != "" && (patient(s) || r.ending) {
		return move{waits: why}
	}
	return take(s, w, pods[slices.IndexFunc(pods, stale)])
}

// take deletes a Pod, if the budgets let it.
func take(s *State, w *World, p Pod) move {
	if budget := mayTake(w, p); budget != "" {
		return move{waits: budget}
	}
	return move{write: replace(s, p), waits: "pod " + p.Name + " to be replaced"}
}

// byNode is the order in which nodes get the new version.
func byNode(pods []Pod) []Pod {
	return slices.SortedFunc(slices.Values(pods), func(a, b Pod) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Name, b.Name))
	})
}

func onDelete(s *State, w *World) bool {
	var strategy appsv1.DaemonSetUpdateStrategy
	raw := w.Live[s.Spec.Workload].Fields[UpdateStrategyField]
	return len(raw) > 0 && json.Unmarshal(raw, &strategy) == nil && strategy.Type == appsv1.OnDeleteDaemonSetStrategyType
}

func whenDeleted() json.RawMessage {
	return rawJSON(appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType})
}
