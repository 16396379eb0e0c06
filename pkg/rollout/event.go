package rollout

import "time"

// EventKind is what happened.
type EventKind string

// What may happen.
const (
	EventPhase  EventKind = "phase"  // a phase began
	EventStep   EventKind = "step"   // a step began
	EventWrite  EventKind = "write"  // a write was made
	EventLevel  EventKind = "level"  // Pods or traffic changed
	EventGate   EventKind = "gate"   // a gate answered
	EventAsked  EventKind = "asked"  // a person asked
	EventRetry  EventKind = "retry"  // the API server did not do what it was asked, and will be asked again
	EventFailed EventKind = "failed" // the new version failed
	EventHeld   EventKind = "held"   // the driver leaves; Kubernetes holds both versions where they are
	EventOver   EventKind = "over"   // the end
)

// Event is one thing that happened: a line of JSON for scripts.
type Event struct {
	Time  time.Time `json:"time"`
	Event EventKind `json:"event"`
	Phase Phase     `json:"phase"`
	// Step counts from 1.
	Step      int    `json:"step"`
	Asked     Weight `json:"asked"`
	Reachable Weight `json:"reachable"`
	Observed  Weight `json:"observed"`
	// Ready are the ready Pods of each version.
	Ready   Mix    `json:"ready"`
	Gate    string `json:"gate,omitempty"`
	Message string `json:"message"`
}
