package rollout

import "fmt"

// maxRehearsed bounds a rehearsal: far more writes than any plan needs.
const maxRehearsed = 2000

// Rehearse lists every write that a rollout will make, in order, if all goes
// well: the machine itself, run against an ideal cluster in which each write
// takes effect and everything settles at once. It begins with what w shows. Gates and pauses are passed.
func Rehearse(m *Machine, s State, w *World) ([]Write, error) {
	ideal := NewIdeal(&s, w.Services...)
	ideal.Meet(w)
	s.Full = true
	var writes []Write
	for range maxRehearsed {
		next, action := m.Next(s, Observed{World: ideal.World()})
		s = next
		switch {
		case action.Drift != nil:
			return writes, action.Drift
		case action.Stuck != "" || s.Phase == Aborting:
			return writes, fmt.Errorf("the rehearsal turned back: %s", action.Waits)
		case s.Phase.Over():
			return writes, nil
		case action.Write != nil:
			writes = append(writes, *action.Write)
			if err := ideal.Apply(*action.Write); err != nil {
				return writes, err
			}
		case len(action.Events) == 0:
			return writes, fmt.Errorf("the rehearsal waits for %s", action.Waits)
		}
	}
	return writes, fmt.Errorf("the rehearsal made %d writes and did not end", len(writes))
}
