package router

import (
	"fmt"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// side is one of the two versions, with what must be known to send traffic to it.
type side struct {
	// name is what people call it: "old" or "new".
	name string
	// hash is empty while the version's controller has not made it.
	hash string
	// ready are its ready Pods.
	ready int
}

func oldSide(s *rollout.State, w *rollout.World) side {
	return side{name: "old", hash: s.OldHash, ready: w.Old.Ready}
}

func newSide(s *rollout.State, w *rollout.World) side {
	return side{name: "new", hash: s.NewHash, ready: w.New.Ready}
}

// shown counts the version's ready endpoints in a Service. A version without a
// hash has none: what a view keeps under "" is of neither version.
func (v side) shown(view rollout.ServiceView) int {
	if v.hash == "" {
		return 0
	}
	return view.Ready[v.hash]
}

// shows says where the Service stands with the version's Pods; empty where every
// ready Pod is a ready endpoint, and no endpoint is left of one that is not.
func (v side) shows(view rollout.ServiceView) string {
	shown := v.shown(view)
	switch {
	case shown < v.ready:
		return fmt.Sprintf("service/%s shows %d of %d ready %s Pods", view.Name, shown, v.ready, v.name)
	case shown > v.ready:
		return fmt.Sprintf("service/%s still shows %d %s Pods, of which %d are ready", view.Name, shown, v.name, v.ready)
	}
	return ""
}

// replicas is how many Pods the workload is meant to have now: somebody, or an
// autoscaler, may have changed it since the rollout began.
func replicas(s *rollout.State, w *rollout.World) int {
	if w.Workload != nil {
		return w.Workload.Replicas
	}
	return s.Replicas
}

// count is a number with its noun: "1 old Pod", "2 old Pods".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
