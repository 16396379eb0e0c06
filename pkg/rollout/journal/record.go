package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Life is whether someone drives.
type Life string

// Lives.
const (
	Live Life = "live"
	// Left: its driver gave the lead away on purpose, and it waits for the next.
	Left Life = "left"
	// Abandoned: its driver did not renew its lease; nobody knows why.
	Abandoned Life = "abandoned"
	// Unknown: it is under way, the Lease that says who drives may not be read, and the last sign of life is too young to
	// say that nobody does.
	Unknown Life = "unknown"
	// Over: nothing is left to do.
	Over Life = "over"
)

// Record is a journal as it was read.
type Record struct {
	Ref  rollout.Ref
	Life Life
	// State is nil where it cannot be read; Broken says why.
	State  *rollout.State
	Broken error
	// Unread is why the Lease may not be read, where it is under way. Life is Unknown then, or what the ConfigMap says.
	Unread error
	// Driver is who leads, or led last; Since is when it took the lead, Renewed its last sign of life.
	Driver         string
	Since, Renewed time.Time
	// Epoch counts the drivers that the workload's rollouts have had.
	Epoch int64
	// Request is what a person has asked for and no driver has taken up.
	Request *rollout.Request
	// At is when it was read, by the API server's clock like the other times.
	At time.Time
}

// Open reads the journal of a workload; nil where there is none. Who may read
// the ConfigMap and not the Lease, as Kubernetes' own role "view" has it, still
// learns all but who drives, and some minutes later than others that nobody does.
func Open(ctx context.Context, api API, ref rollout.Ref) (*Record, error) {
	b := book{api: api, ref: ref}
	p, err := b.look(ctx)
	if err != nil || p.config == nil {
		return nil, err
	}
	r := p.record(ref)
	return &r, nil
}

// List reads all journals of a namespace, or of the cluster where that is empty.
func List(ctx context.Context, api API, namespace string) ([]Record, error) {
	var configs corev1.ConfigMapList
	var leases coordinationv1.LeaseList
	b := book{api: api, ref: rollout.Ref{Namespace: namespace}}
	if err := b.list(ctx, "/api/v1", "configmaps", &configs); err != nil {
		return nil, err
	}
	unread := b.list(ctx, "/apis/coordination.k8s.io/v1", "leases", &leases)
	if unread != nil && !forbidden(unread) {
		return nil, unread
	}
	type place struct{ namespace, name string }
	held := map[place]*coordinationv1.Lease{}
	for i := range leases.Items {
		held[place{leases.Items[i].Namespace, leases.Items[i].Name}] = &leases.Items[i]
	}
	records := make([]Record, 0, len(configs.Items))
	for i := range configs.Items {
		c := &configs.Items[i]
		kind, name, _ := strings.Cut(c.Data[keyWorkload], "/")
		p := page{config: c, lease: held[place{c.Namespace, c.Name}], unread: unread, at: api.Now()}
		records = append(records, p.record(rollout.Ref{Kind: kind, Namespace: c.Namespace, Name: name}))
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Ref.Namespace, b.Ref.Namespace), cmp.Compare(a.Ref.Kind, b.Ref.Kind), cmp.Compare(a.Ref.Name, b.Ref.Name))
	})
	return records, nil
}

// page is a ConfigMap and a Lease as they were read; either may be absent.
type page struct {
	config *corev1.ConfigMap
	lease  *coordinationv1.Lease
	// unread is why the Lease may not be read.
	unread error
	at     time.Time
}

// record reads what a page says.
func (p page) record(ref rollout.Ref) Record {
	data := p.config.Data
	r := Record{Ref: ref, Driver: snapshot.Safe(data[keyDriver]), At: p.at}
	r.Epoch, _ = strconv.ParseInt(data[keyEpoch], 10, 64)
	r.Since, _ = time.Parse(time.RFC3339, data[keySince])
	r.State, r.Broken = decodeState(data)
	r.Request = decodeRequest(data[keyRequest])
	r.Renewed = r.Since
	alive, _ := time.Parse(time.RFC3339, data[keyAlive])
	if p.lease != nil && p.lease.Spec.RenewTime != nil {
		r.Renewed = p.lease.Spec.RenewTime.Time
	} else { // the lease goes when the rollout is over
		for _, seen := range []time.Time{alive, r.seen()} {
			if seen.After(r.Renewed) {
				r.Renewed = seen
			}
		}
	}
	switch holder := p.holder(); {
	case data[keyOver] != "":
		r.Life = Over
	case p.unread != nil:
		r.Life, r.Unread = Unknown, p.unread
		if data[keyAlive] == "" {
			r.Life = Left
		} else if p.at.Sub(alive) > silence {
			r.Life = Abandoned
		}
	case holder == "" && p.lease != nil:
		r.Life = Left
	case holder == "" || p.expired():
		r.Life = Abandoned
	default:
		r.Life = Live
	}
	return r
}

// seen is when the cluster was last seen, as far as the state says.
func (r *Record) seen() time.Time {
	if r.State == nil {
		return time.Time{}
	}
	return r.State.Seen
}

// holder is the identity of whoever holds the lease, expired or not.
func (p page) holder() string {
	if p.lease == nil || p.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *p.lease.Spec.HolderIdentity
}

// expired says that the lease was not renewed for longer than it holds. A clock
// that tells whole seconds may be a second behind at either reading.
func (p page) expired() bool {
	s := p.lease.Spec
	if s.RenewTime == nil || s.LeaseDurationSeconds == nil {
		return true
	}
	return p.at.Sub(s.RenewTime.Time) > time.Duration(*s.LeaseDurationSeconds)*time.Second+slack
}

func decodeState(data map[string]string) (*rollout.State, error) {
	if f := data[keyFormat]; f != format {
		return nil, fmt.Errorf("the journal has format %q, and this version of kubectl msa reads %q: use the version that began the rollout", f, format)
	}
	var s rollout.State
	if err := json.Unmarshal([]byte(data[keyState]), &s); err != nil {
		return nil, fmt.Errorf("the state in the journal cannot be read: %w", err)
	}
	return &s, nil
}

// decodeRequest reads a request; what is none is nobody's wish.
func decodeRequest(text string) *rollout.Request {
	var r rollout.Request
	if text == "" || json.Unmarshal([]byte(text), &r) != nil || r.ID == "" {
		return nil
	}
	return &r
}
