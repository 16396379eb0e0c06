package rollout

// tell adds an event as the rollout stands now.
func (t *turn) tell(kind EventKind, gate, message string) {
	e := t.Describe(t.s, t.w)
	e.Event, e.Gate, e.Message = kind, gate, message
	t.action.Events = append(t.action.Events, e)
	t.s.Last = &e
}

// Describe is where the rollout stands, as an event without a kind. The world may be nil.
func (m *Machine) Describe(s *State, w *World) Event {
	e := Event{Time: s.Seen, Phase: s.Phase, Step: s.Step + 1, Asked: s.At().Weight}
	if w == nil {
		if s.Last != nil {
			e.Reachable, e.Observed, e.Ready = s.Last.Reachable, s.Last.Observed, s.Last.Ready
		}
		return e
	}
	e.Time = w.At
	e.Ready = Mix{Old: w.Old.Ready, New: w.New.Ready}
	e.Observed = m.router.Observed(s, w)
	if w.Workload != nil {
		e.Reachable = m.router.Reach(e.Asked, m.level(s, w.Workload.Replicas))
	}
	return e
}

// Drift is what someone else has changed since the rollout wrote it; nil where
// nothing was. It names the object and the field, not who it was.
func (s *State) Drift(w *World) *DriftError {
	c := s.clone()
	return c.confirm(w)
}

// level is the mix that the present step comes to, by way of the steps before it.
func (m *Machine) level(s *State, replicas int) Mix {
	if s.Spec.Strategy == BlueGreen {
		return Mix{Old: replicas, New: replicas}
	}
	var weights []Weight
	for _, step := range s.Spec.Steps[:min(s.Step+1, len(s.Spec.Steps))] {
		weights = append(weights, step.Weight)
	}
	levels, err := Levels(s.Spec.Workload.Kind, replicas, s.Spec.MaxSurge, weights)
	if err != nil || len(levels) == 0 {
		return Mix{Old: replicas}
	}
	return levels[len(levels)-1]
}
