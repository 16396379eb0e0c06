// Package journal keeps a rollout's state in the cluster, and decides who leads:
// a ConfigMap with the state and a token, and a Lease beside it.
//
// The Lease says whether a driver lives. The token says who may write: it is new
// for every driver, each write of the journal tests it, and so does each write to
// an object of the rollout, which carries it as a label. A driver that lost its
// lead without knowing can therefore not write any more, whatever its clock says.
package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

const (
	// Label is on every journal and its Lease; its value is the workload's kind.
	Label = "kubectl-msa.dev/journal"

	// leaseTime is how long a lease holds after it was renewed, and renewEvery how often it is.
	leaseTime  = 15 * time.Second
	renewEvery = 5 * time.Second
	// beatEvery is how often a driver gives a sign of life in the ConfigMap too, and silence how long there is none
	// where nobody drives any more: for those who may not read Leases.
	beatEvery = time.Minute
	silence   = 3 * beatEvery
	// slack is how far apart two readings of the server's clock may be that mean the same moment: it tells whole seconds.
	slack = time.Second

	// most is how large a state may be; a ConfigMap holds 1 MiB in all (core/v1, MaxSecretSize).
	most = 900 << 10
	// known bounds how many drivers before this one are remembered.
	known = 32
)

// API is how the journal reaches the API server.
type API interface {
	// Call sends one request of JSON and gives the body of the answer; an error that the API server answered is an apierrors.APIStatus.
	Call(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error)
	// Now is the API server's clock.
	Now() time.Time
}

// ErrNone says that no rollout of the workload is under way.
var ErrNone = errors.New("no rollout is under way")

// UnderWayError says that a rollout of the workload is under way already.
type UnderWayError struct{ Record Record }

// Error implements error.
func (e *UnderWayError) Error() string {
	r := e.Record
	switch r.Life {
	case Live:
		return fmt.Sprintf("a rollout of %s is under way, led by %s", r.Ref, r.Driver)
	case Left:
		return fmt.Sprintf("a rollout of %s is under way; %s led it until %s", r.Ref, r.Driver, clock(r.Renewed))
	case Abandoned, Unknown, Over:
	}
	return fmt.Sprintf("a rollout of %s is under way and abandoned; %s led it and was last seen at %s", r.Ref, r.Driver, clock(r.Renewed))
}

// BackFirstError says that somebody else has just asked to go back, which comes first.
type BackFirstError struct{ By string }

// Error implements error.
func (e *BackFirstError) Error() string { return e.By + " has just asked to go back" }

// TooLargeError says that a state does not fit into a journal.
type TooLargeError struct {
	Ref   rollout.Ref
	Bytes int
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the journal of %s would hold %d KiB, and a ConfigMap takes no more than %d: its template or manifest is too large for a rollout",
		e.Ref, (e.Bytes+1023)>>10, most>>10)
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Name is the name of a workload's journal and of its Lease. Names longer than
// an object's may be end in a hash of the whole.
func Name(r rollout.Ref) string {
	const longest = 253
	name := "msa-rollout-" + strings.ToLower(r.Kind) + "-" + r.Name
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := hex.EncodeToString(sum[:8])
	return strings.TrimRight(name[:longest-len(tail)-1], ".-") + "-" + tail
}
