package rollout

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// longestGap is the most that one look at the cluster can add to Spent. Looks
// are seconds apart; when they are further apart, the cluster could not be seen
// or nobody drove, and the workload is not to blame for that time.
const longestGap = 10 * time.Second

// confirm compares what was written with what is live. What an write on its way
// asked for is taken over as written; anything else that differs is someone
// else's hand, and the rollout must not fight it.
func (s *State) confirm(w *World) *DriftError {
	arrived := false
	for i := range s.Managed {
		o := &s.Managed[i]
		live, exists := w.Live[o.Ref]
		if !exists || live.UID != o.UID {
			if s.Phase == Aborting || o.Ref == s.Spec.Workload && !exists {
				continue // nothing of it is left to put back
			}
			return &DriftError{Object: o.Ref, Gone: true}
		}
		if !live.Marked && (s.Phase == Releasing || s.Phase == Aborting) {
			continue // given back already
		}
		for _, path := range o.Paths {
			have := live.Fields[path]
			if Same(have, o.Current[path]) {
				continue
			}
			if !s.intends(o.Ref, path, have) {
				return &DriftError{Object: o.Ref, Path: path}
			}
			arrived = true
			o.Current[path] = have
			if have == nil {
				delete(o.Current, path)
			}
		}
	}
	if arrived {
		s.Spent, s.Best = 0, 0 // progress
	}
	s.Intent = nil // done, or to be decided on anew
	return nil
}

// intends says whether the write that may have been done asks for this value.
func (s *State) intends(r Ref, path Pointer, value json.RawMessage) bool {
	return s.Intent != nil && s.Intent.Object == r &&
		slices.ContainsFunc(s.Intent.Changes, func(c Change) bool { return c.Path == path && Same(c.To, value) })
}

// learn takes over the new version's hash as soon as its controller has named it.
func (s *State) learn(w *World) {
	workload := s.Workload()
	if s.NewHash != "" || w.Workload == nil || workload == nil || !Same(workload.Current[TemplateField], s.Template) {
		return
	}
	if h := w.Workload.UpdateHash; h != "" && h != s.OldHash {
		s.NewHash = h
	}
}

// account counts the time that the phase has been seen to last.
func (s *State) account(w *World) {
	gap := w.At.Sub(s.Seen)
	if s.Seen.IsZero() || gap < 0 {
		gap = 0
	}
	s.Seen = w.At
	ready := w.New.Ready
	if s.Phase == Aborting {
		ready = w.Old.Ready
	}
	if ready > s.Best {
		s.Best, s.Spent = ready, 0
		return
	}
	s.Spent += Duration(min(gap, longestGap, s.Spec.Timeout.Std()/3))
}

// gates are those of the plan and of the step.
func (s *State) gates() []GateSpec {
	return append(slices.Clone(s.Spec.Gates), s.At().Gates...)
}

// clone copies everything that Next may change.
func (s *State) clone() State {
	c := *s
	c.Managed = slices.Clone(s.Managed)
	for i := range c.Managed {
		c.Managed[i].Current = maps.Clone(c.Managed[i].Current)
		if c.Managed[i].Current == nil {
			c.Managed[i].Current = Fields{}
		}
	}
	c.Gates = maps.Clone(s.Gates)
	if c.Gates == nil {
		c.Gates = map[string]Answer{}
	}
	if s.Reason != nil {
		r := *s.Reason
		c.Reason = &r
	}
	return c
}
