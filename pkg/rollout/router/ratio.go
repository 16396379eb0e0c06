package router

import "github.com/kubectl-msa/kubectl-msa/pkg/rollout"

// ratio writes nothing: a Service that selects both versions picks among their
// ready endpoints, so each version's share follows from its number of Pods. It
// is a share of connections, not of requests: a client that keeps one open stays
// where it is.
type ratio struct{}

func (ratio) Objects(rollout.Spec) []rollout.Managed { return nil }

func (ratio) Reach(_ rollout.Weight, m rollout.Mix) rollout.Weight { return m.Share() }

func (ratio) Set(*rollout.State, *rollout.World, rollout.Weight) *rollout.Write { return nil }

func (ratio) Restore(*rollout.State, *rollout.World) *rollout.Write { return nil }

func (ratio) Observed(s *rollout.State, w *rollout.World) rollout.Weight { return observed(s, w) }

// Verify compares endpoints with Pods. How many Pods there should be is the
// hold's affair; what must not be said is that traffic moved while a Service
// still shows something else.
//
// Endpoints of neither version do not keep it from InEndpoints. They take the
// same from both versions, Observed tells of them, and to fail a good version for
// a Pod that somebody else runs behind the same Service would help nobody.
//
// A weight that the Pods do not give is Unwritten: the hold has to act first. So
// is weight 0 in any case, as long as it is not reached, for the way back consists
// of Pods alone and must wait for no Service.
func (ratio) Verify(s *rollout.State, w *rollout.World, weight rollout.Weight) rollout.Verification {
	before, after := oldSide(s, w), newSide(s, w)
	unwritten := func(why string) rollout.Verification {
		return rollout.Verification{Level: rollout.Unwritten, Waits: why}
	}
	switch {
	case weight > 0 && after.ready == 0:
		return unwritten("no new Pod is ready")
	case weight <= 0 && after.ready > 0:
		return unwritten(count(after.ready, "new Pod") + " still to end")
	case weight >= rollout.All && before.ready > 0:
		return unwritten(count(before.ready, "old Pod") + " still to end")
	}
	switch why := lagging(s, w, after, before); {
	case why == "":
		return rollout.Verification{Level: rollout.InEndpoints}
	case weight <= 0:
		return unwritten(why)
	default:
		return rollout.Verification{Level: rollout.Written, Waits: why}
	}
}

// lagging says which Service does not show the versions' ready Pods, and nothing where all do.
func lagging(s *rollout.State, w *rollout.World, versions ...side) string {
	for _, name := range s.Spec.Services {
		view, ok := viewOf(w, name)
		if !ok {
			return "service/" + name + " does not exist any more"
		}
		for _, v := range versions {
			if why := v.shows(view); why != "" {
				return why
			}
		}
	}
	return ""
}
