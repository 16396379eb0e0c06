package rollout

// Cue is why a rollout goes from one phase to another.
type Cue string

// The cues.
const (
	CuePinned       Cue = "routes serve the old version only"
	CueReached      Cue = "Pods and traffic are at the step's level"
	CuePassed       Cue = "gates passed, a step follows"
	CuePause        Cue = "gates passed, a pause is planned or asked for"
	CueUnclear      Cue = "a gate cannot decide"
	CueFailed       Cue = "the new version failed"
	CueFailedHold   Cue = "the new version failed, and is to be held"
	CueContinue     Cue = "the pause is over, a step follows"
	CueAgain        Cue = "a person asks to judge again"
	CueAllKeep      Cue = "all traffic moved, the old version is kept"
	CueAll          Cue = "all traffic moved"
	CueKept         Cue = "the old version was kept long enough"
	CueDone         Cue = "only the new version is left"
	CueAskedToAbort Cue = "a person asks to abort"
	CueRestored     Cue = "everything is as it was"
)

// Edge is one way from a phase to another.
type Edge struct {
	From Phase
	On   Cue
	To   Phase
}

// Edges are all ways there are: a cue that has no edge from the present phase changes nothing.
func Edges() []Edge {
	return []Edge{
		{Starting, CuePinned, Shifting},
		{Starting, CueFailed, Aborting},
		{Starting, CueFailedHold, Aborting}, // nothing is held yet
		{Starting, CueAskedToAbort, Aborting},

		{Shifting, CueReached, Judging},
		{Shifting, CueFailed, Aborting},
		{Shifting, CueFailedHold, Paused},
		{Shifting, CueAskedToAbort, Aborting},

		{Judging, CuePassed, Shifting},
		{Judging, CuePause, Paused},
		{Judging, CueUnclear, Paused},
		{Judging, CueAllKeep, Keeping},
		{Judging, CueAll, Releasing},
		{Judging, CueFailed, Aborting},
		{Judging, CueFailedHold, Paused},
		{Judging, CueAskedToAbort, Aborting},

		{Paused, CueContinue, Shifting},
		{Paused, CuePause, Paused}, // a person asked while a planned pause lasted
		{Paused, CueAgain, Judging},
		{Paused, CueAllKeep, Keeping},
		{Paused, CueAll, Releasing},
		{Paused, CueFailed, Aborting},
		{Paused, CueFailedHold, Paused},
		{Paused, CueAskedToAbort, Aborting},

		{Keeping, CueKept, Releasing},
		{Keeping, CueFailed, Aborting},
		{Keeping, CueFailedHold, Paused},
		{Keeping, CueAskedToAbort, Aborting},

		{Releasing, CueDone, Promoted},
		{Releasing, CueFailed, Aborting},
		{Releasing, CueFailedHold, Aborting}, // the hold is over
		{Releasing, CueAskedToAbort, Aborting},

		{Aborting, CueRestored, Aborted},
	}
}

// follow gives where a cue leads from a phase, and whether it leads anywhere.
func follow(from Phase, on Cue) (Phase, bool) {
	for _, e := range Edges() {
		if e.From == from && e.On == on {
			return e.To, true
		}
	}
	return from, false
}
