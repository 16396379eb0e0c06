package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// TrafficRouter decides which fields move the traffic, and says how far it has
// moved. Read looks at the cluster; the rest answers from what was seen, so that
// the machine that uses it stays pure. Every router passes the conformance test
// in pkg/rollout/router.
type TrafficRouter interface {
	// Objects are the objects it writes to, each with the fields that it may write.
	Objects(spec Spec) []Managed
	// Reach is the nearest weight to asked that the router can give with these Pods.
	Reach(asked Weight, m Mix) Weight
	// Set gives the next write that brings the traffic to weight; nil where all is written.
	Set(s *State, w *World, weight Weight) *Write
	// Verify says how far the weight that was written has got.
	Verify(s *State, w *World, weight Weight) Verification
	// Restore gives the next write that puts the route back as it was; nil where all is as it was.
	Restore(s *State, w *World) *Write
	// Observed is the new version's share as endpoints show it.
	Observed(s *State, w *World) Weight
}

// Level is how far a weight has got.
type Level string

// Levels, each with what is behind it as well.
const (
	Unwritten Level = "unwritten"
	Written   Level = "written"
	Accepted  Level = "accepted"
	// InEndpoints: the endpoints that carry the weight are ready, and no others.
	InEndpoints Level = "endpoints"
	// Seen: requests were observed to be shared so.
	Seen Level = "observed"
)

// Verification is how far a weight has got, and what it waits for.
type Verification struct {
	Level Level
	// Waits says what is missing, in a few words; empty where nothing is.
	Waits string
}

// Cluster is what the engine needs of the cluster.
type Cluster interface {
	// Observe reads everything that the machine decides by, fresh.
	Observe(ctx context.Context, s *State) (*World, error)
	// Apply makes one write under the token. A precondition that does not hold is a *ConflictError, a refusal a
	// *RefusedError, and anything else may or may not have happened.
	Apply(ctx context.Context, w Write, token string) error
	// Claim puts the token on the object in place of any of those known before, or of none. A *ConflictError says
	// whose it is, a *DriftError with Gone that the object was deleted or made anew.
	Claim(ctx context.Context, m Managed, token string, before []string) error
	// Who names the manager that last wrote the field, and when; empty where the object does not say.
	Who(ctx context.Context, r Ref, path Pointer) (manager string, at time.Time, err error)
}

// Journal is where the state is kept, and who leads is decided.
type Journal interface {
	// Token is this driver's; Before are those of drivers before it.
	Token() string
	Before() []string
	// Leading says whether the lease is still held, by the local clock's steady part. Lost is an error that names who leads now.
	Leading(ctx context.Context) error
	// Renew takes a new token, if this driver still leads; the one before joins Before.
	Renew(ctx context.Context) error
	// Save writes the state down, if this driver still leads; a *LostError otherwise. A state that cannot be written at
	// all is an *UnwritableError.
	Save(ctx context.Context, s *State) error
	// Asked gives what a person has asked for since, and takes note that it was taken up.
	Asked(ctx context.Context) (*Request, error)
	Took(ctx context.Context, r Request) error
	// Release gives the lead away.
	Release(ctx context.Context) error
}

// Judge asks one gate.
type Judge interface {
	Judge(ctx context.Context, g GateSpec, about Question) Answer
}

// Diagnose says what is wrong with a version's Pods, in inspect's words: that of the hash, which does not come up.
type Diagnose func(ctx context.Context, s *State, hash string) []finding.Finding

// Clock is the local time, for waiting; what is written down is the API server's.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Ask is what a person asks a rollout to do.
type Ask string

// What a person may ask.
const (
	AskPromote Ask = "promote"
	AskFull    Ask = "promote-full"
	AskPause   Ask = "pause"
	AskResume  Ask = "resume"
	AskAbort   Ask = "abort"
)

// Request is a person's wish, written into the journal for the driver.
type Request struct {
	ID string    `json:"id"`
	Do Ask       `json:"do"`
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Result is what a gate says.
type Result string

// Results. Pending has not decided yet and will.
const (
	Pass         Result = "pass"
	Fail         Result = "fail"
	Inconclusive Result = "inconclusive"
	NoData       Result = "no-data"
	Pending      Result = "pending"
)

// Answer is a gate's answer.
type Answer struct {
	Result  Result    `json:"result"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
}

// Question is what a gate is told.
type Question struct {
	ID        string    `json:"id"`
	Workload  Ref       `json:"workload"`
	Strategy  Strategy  `json:"strategy"`
	Step      int       `json:"step"`
	Asked     Weight    `json:"asked"`
	Observed  Weight    `json:"observed"`
	OldHash   string    `json:"oldHash"`
	NewHash   string    `json:"newHash"`
	OldImages []string  `json:"oldImages"`
	NewImages []string  `json:"newImages"`
	Since     time.Time `json:"since"`
	Now       time.Time `json:"now"`
}

// ErrLost says that another driver leads.
var ErrLost = errors.New("another driver leads")

// LostError names the driver that leads.
type LostError struct {
	Holder string
	Since  time.Time
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s leads this rollout since %s", e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// Unwrap makes it an ErrLost.
func (e *LostError) Unwrap() error { return ErrLost }

// ConflictError says that an object is not as the write supposed.
type ConflictError struct {
	Object  Ref
	Message string
}

func (e *ConflictError) Error() string { return e.Object.String() + ": " + e.Message }

// RefusedError says that the API server will not have the write: invalid, forbidden, denied.
type RefusedError struct {
	Object  Ref
	Message string
}

// UnwritableError says that the journal cannot be kept: the API server will not
// have it written, and would not have it the next time either.
type UnwritableError struct{ Err error }

func (e *UnwritableError) Error() string { return e.Err.Error() }

// Unwrap is what the API server said.
func (e *UnwritableError) Unwrap() error { return e.Err }

// IncompleteError says that the way back did not come to its end: a person must look.
type IncompleteError struct {
	Message string
	// Findings are what inspect saw of the old version, which does not come back.
	Findings []finding.Finding
}

func (e *IncompleteError) Error() string { return "the rollback is incomplete: " + e.Message }

func (e *RefusedError) Error() string { return e.Object.String() + ": " + e.Message }

// DriftError says that someone else changed what a rollout had written.
type DriftError struct {
	Object Ref     `json:"object"`
	Path   Pointer `json:"path,omitempty"`
	// Manager is who wrote the field last, and At when; empty where the object does not say.
	Manager string    `json:"manager,omitempty"`
	At      time.Time `json:"at,omitzero"`
	// Gone says that the object itself was replaced or deleted.
	Gone bool `json:"gone,omitempty"`
}

func (e *DriftError) Error() string {
	if e.Gone {
		return fmt.Sprintf("%s was deleted or made anew", e.Object)
	}
	by := ""
	if e.Manager != "" {
		by = fmt.Sprintf(" by %q at %s", e.Manager, e.At.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s of %s was changed%s", e.Path, e.Object, by)
}
