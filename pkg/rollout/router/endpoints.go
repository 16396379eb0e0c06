package router

import "github.com/kubectl-msa/kubectl-msa/pkg/rollout"

// viewOf finds a Service among those seen.
func viewOf(w *rollout.World, name string) (rollout.ServiceView, bool) {
	for _, v := range w.Services {
		if v.Name == name {
			return v, true
		}
	}
	return rollout.ServiceView{}, false
}

// total counts every ready endpoint of a Service.
func total(view rollout.ServiceView) int {
	sum := 0
	for _, n := range view.Ready {
		sum += n
	}
	return sum
}

// observed is the new version's share of a rollout's traffic, as endpoints show
// it, or as ready Pods do where there is no Service.
//
// Of several Services it is that of the first one named. They all select the
// same Pods and so agree as soon as nothing is waited for; until then they differ
// by how far their endpoints lag, and neither an average, which no client meets,
// nor the one nearest to what was asked would tell the truth.
//
// Endpoints of neither version count: they take their part of the traffic.
func observed(s *rollout.State, w *rollout.World) rollout.Weight {
	if len(s.Spec.Services) == 0 {
		return share(w.New.Ready, everyone(w))
	}
	view, _ := viewOf(w, s.Spec.Services[0])
	return share(newSide(s, w).shown(view), total(view))
}

func share(part, all int) rollout.Weight {
	return rollout.Mix{Old: all - part, New: part}.Share()
}
