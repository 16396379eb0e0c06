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
		e.Reachable = m.router.Reach(e.Asked, m.mixFor(s.Spec, w.Workload.Replicas, e.Asked))
	}
	return e
}
