package rollout

import "fmt"

// isNewPod tells the new version's Pods: by its hash once the controller has
// named it, and before that as those that are not of the old version.
func isNewPod(s *State, p Pod) bool {
	if s.NewHash != "" {
		return p.Hash == s.NewHash
	}
	return p.Hash != s.OldHash
}

// replaced is what a kind that replaces Pods in place shows of its n Pods.
type replaced struct {
	n                 int
	here, ready, left int
	// updated are Pods that are not of the version to be replaced.
	updated, updatedReady int
	ending                bool
}

// count looks at the Pods; stale tells those that are to be replaced.
func count(n int, pods []Pod, stale func(Pod) bool) replaced {
	r := replaced{n: n}
	for _, p := range pods {
		if p.Deleting {
			r.ending = true
			continue
		}
		r.here++
		if p.Ready {
			r.ready++
		}
		switch {
		case stale(p):
			r.left++
		case p.Ready:
			r.updated++
			r.updatedReady++
		default:
			r.updated++
		}
	}
	return r
}

// waits says what is still under way; empty where every Pod is there and every replaced one is ready.
func (r replaced) waits(version string) string {
	switch {
	case r.updatedReady < r.updated:
		return ofPods(r.updatedReady, r.updated, version, "ready")
	case r.ending || r.here < r.n:
		return fmt.Sprintf("%d of %d Pods are there", r.here, r.n)
	}
	return ""
}

// complete says that every Pod is there, ready and not of the version to be replaced.
func (r replaced) complete() bool {
	return !r.ending && r.left == 0 && r.here == r.n && r.ready == r.n
}

// mayTake says what keeps a Pod from being taken away; empty where nothing does.
// One that is not ready is missed by nobody.
func mayTake(w *World, p Pod) string {
	if !p.Ready {
		return ""
	}
	if pods, budget := spare(w); pods < 1 {
		return budget
	}
	return ""
}

// giveBack restores the update strategy of a kind that replaces Pods in place,
// when no Pod of the new version is left. Pods that never ran the new version
// are not waited for.
func giveBack(s *State, w *World, r replaced) move {
	write := edit(s, w, before(s, UpdateStrategyField, TemplateField), PurposeRestore)
	untouched := s.NewHash == ""
	switch {
	case blind(w) != "":
		return move{waits: blind(w)}
	case !r.complete() && !untouched && patient(s):
		return move{waits: ofPods(r.ready, r.n, "old", "ready")}
	case write != nil:
		return move{write: write, waits: "the update strategy as it was"}
	}
	return move{settled: true}
}

// letGo ends the hold of a kind that replaces Pods in place; toward goes on with
// what is left to replace, as long as the workload holds.
func letGo(s *State, w *World, r replaced, holds bool, toward func(Mix) move) move {
	want := before(s, UpdateStrategyField)
	want[TemplateField] = s.Template
	write := edit(s, w, want, PurposeRelease)
	switch {
	case blind(w) != "":
		return move{waits: blind(w)}
	case write == nil && r.complete():
		return move{settled: true}
	case write != nil && r.complete():
		return move{write: write, waits: "the update strategy as it was"}
	case write == nil && (r.left == 0 || !holds):
		return move{waits: ofPods(r.updatedReady, r.n, "new", "ready")}
	}
	at := toward(Mix{New: r.n})
	at.settled = false
	return at
}
