package rollout

import (
	"encoding/json"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Phase is where a rollout stands.
type Phase string

// The phases. The edges between them are in edges.go.
const (
	// Starting pins routes to the old version, before anything else changes.
	Starting Phase = "starting"
	// Shifting brings Pods and traffic to the level of the step.
	Shifting Phase = "shifting"
	// Judging asks the step's gates.
	Judging Phase = "judging"
	// Paused waits for time to pass or for a person.
	Paused Phase = "paused"
	// Keeping has moved all traffic and keeps the old version at full scale.
	Keeping Phase = "keeping"
	// Releasing ends the hold; the controller finishes.
	Releasing Phase = "releasing"
	// Aborting puts everything back.
	Aborting Phase = "aborting"
	// Promoted is the end with the new version.
	Promoted Phase = "promoted"
	// Aborted is the end with the old version.
	Aborted Phase = "aborted"
)

// Over says that nothing is left to do.
func (p Phase) Over() bool { return p == Promoted || p == Aborted }

// State is everything that a driver must know to go on. The journal holds it.
type State struct {
	// ID is this rollout's own.
	ID    string `json:"id"`
	Spec  Spec   `json:"spec"`
	Phase Phase  `json:"phase"`
	// Step is the index into Spec.Steps.
	Step int `json:"step"`
	// Started, and Since when the phase has lasted: the API server's clock.
	Started time.Time `json:"started"`
	Since   time.Time `json:"since"`
	// Spent is how long the phase has been seen to last without reaching its end. It does not count while the cluster cannot be seen.
	Spent Duration `json:"spent,omitempty"`
	// Seen is when the cluster was last seen, for Spent.
	Seen time.Time `json:"seen"`
	// Best is the most ready Pods of the new version seen in this phase since the last write: more of them is progress, and Spent begins anew.
	Best int `json:"best,omitempty"`
	// Forgiven are restarts of the new version that a person has looked at and gone on after.
	Forgiven int `json:"forgiven,omitempty"`
	// Forgive takes the restarts seen next as forgiven.
	Forgive bool `json:"forgive,omitempty"`

	// Managed are the objects that may be written to, the workload first.
	Managed []Managed `json:"managed"`
	// OldHash and NewHash tell the versions' Pods apart; NewHash is empty until the controller has made it.
	OldHash string `json:"oldHash"`
	NewHash string `json:"newHash,omitempty"`
	// Template is the new version's, as the API server would store it.
	Template json.RawMessage `json:"template"`
	// Images are the versions' images, for people.
	OldImages []string `json:"oldImages,omitempty"`
	NewImages []string `json:"newImages,omitempty"`
	// Replicas is what the workload had at the start.
	Replicas int `json:"replicas"`

	// Intent is the write that was decided on and not yet seen done. After a death, or an answer that never came, the next
	// look shows whether it was: no request of an earlier token can arrive after that.
	Intent *Write `json:"intent,omitempty"`
	// Full leaves out pauses and gates from here on.
	Full bool `json:"full,omitempty"`
	// PauseAsked stops at the end of the step.
	PauseAsked bool `json:"pauseAsked,omitempty"`
	// Waived says that a person has passed this step's gates.
	Waived bool `json:"waived,omitempty"`
	// Waiting is why the rollout is paused.
	Waiting Waiting `json:"waiting,omitempty"`
	// Gates are the last answers at this step, by the gate's text.
	Gates map[string]Answer `json:"gates,omitempty"`
	// Reason is why it was aborted or held.
	Reason *Reason `json:"reason,omitempty"`
	// Last is the last thing that happened.
	Last *Event `json:"last,omitempty"`
}

// Managed is an object that a rollout writes to.
type Managed struct {
	Ref Ref    `json:"ref"`
	UID string `json:"uid"`
	// Original are the fields as they were before the first write; Current as they were last written and seen.
	Original Fields `json:"original"`
	Current  Fields `json:"current"`
	// Paths are all fields that may be written, also those that were absent.
	Paths []Pointer `json:"paths"`
}

// Waiting is what a pause waits for.
type Waiting string

// What a pause may wait for.
const (
	WaitingTime         Waiting = "time"         // the step's pause
	WaitingPerson       Waiting = "person"       // a person, as planned
	WaitingInconclusive Waiting = "inconclusive" // a person, because a gate could not decide
	WaitingFailed       Waiting = "failed"       // a person, because the version failed and is held
	WaitingAsked        Waiting = "asked"        // a person, who asked to pause
)

// Reason is why a rollout did not go on.
type Reason struct {
	// Cause is the kind of reason.
	Cause Cause `json:"cause"`
	// Gate is the gate that said so, if one did.
	Gate string `json:"gate,omitempty"`
	// Message is what was said, in the words of whoever said it.
	Message string `json:"message,omitempty"`
	// By is the person who asked, if one did.
	By string `json:"by,omitempty"`
	// Findings are what inspect saw of the new version at that moment.
	Findings []finding.Finding `json:"findings,omitempty"`
}

// Cause is a kind of reason.
type Cause string

// Causes.
const (
	CauseAsked    Cause = "asked"     // a person aborted
	CauseNotReady Cause = "not-ready" // the new version did not become ready in time
	CauseRestarts Cause = "restarts"  // its containers restart
	CauseGate     Cause = "gate"      // a gate failed
	CauseNoAnswer Cause = "no-answer" // a gate could not decide
	CauseRefused  Cause = "refused"   // the API server refused a write
	CauseGone     Cause = "gone"      // the workload was deleted
)

// Object finds a managed object; nil where it is none of them.
func (s *State) Object(r Ref) *Managed {
	for i := range s.Managed {
		if s.Managed[i].Ref == r {
			return &s.Managed[i]
		}
	}
	return nil
}

// Workload is the managed workload.
func (s *State) Workload() *Managed { return s.Object(s.Spec.Workload) }

// At is the step that the rollout is at.
func (s *State) At() Step {
	if s.Step < 0 || s.Step >= len(s.Spec.Steps) {
		return Step{}
	}
	return s.Spec.Steps[s.Step]
}

// IsLast says that no step follows.
func (s *State) IsLast() bool { return s.Step >= len(s.Spec.Steps)-1 }
