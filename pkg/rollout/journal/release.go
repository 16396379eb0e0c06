package journal

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Release implements rollout.Journal: renewing ends, and the lead is given away.
// Where the rollout is over, the Lease is deleted. It may be called again where
// it ended with an error.
func (l *Leader) Release(ctx context.Context) error {
	l.stop()
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	if lost != nil {
		return lost
	}
	if !l.over {
		if err := l.letGo(ctx); err != nil {
			return err
		}
		_ = l.alive(ctx, "") // without it, who may not read Leases learns of it later
		return nil
	}
	if err := l.close(ctx); err != nil {
		return err
	}
	return l.drop(ctx)
}

// close takes the token out of the journal: nobody writes any more.
func (l *Leader) close(ctx context.Context) error {
	for try := 1; ; try++ {
		_, err := l.patch(ctx, append(l.fence(), setData(keyToken, ""), setData(keyRequest, ""),
			setData(keyBefore, strings.Join(bounded(append(l.Before(), l.Token())), " "))))
		if err == nil || missing(err) { // deleted by a person, who does not want it
			return nil
		}
		if refused(err) {
			return err
		}
		c, readErr := l.readConfig(ctx)
		if readErr == nil && c != nil {
			switch t := c.Data[keyToken]; {
			case t == "":
				return nil // by a request before, whose answer never came
			case !l.ours(t):
				return l.lose(lostToDriver(c.Data))
			}
			l.noted(c)
		}
		if ctx.Err() != nil || try == tries {
			return err
		}
		pause(ctx, breather<<(try-1))
	}
}

// owner makes the workload the journal's owner, with which it goes.
func owner(ref rollout.Ref, s *rollout.State) []op {
	w := s.Object(ref)
	if w == nil || w.UID == "" {
		return nil
	}
	return []op{{"add", "/metadata/ownerReferences", []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: ref.Kind, Name: ref.Name, UID: types.UID(w.UID)}}}}
}

// drop deletes the Lease, if it is still this driver's.
func (l *Leader) drop(ctx context.Context) error {
	for try := 1; ; try++ {
		lease, err := l.readLease(ctx)
		if err == nil {
			if (page{lease: lease}).holder() != l.identity {
				return nil
			}
			err = l.call(ctx, http.MethodDelete, l.named(l.lease()), jsonType, metav1.DeleteOptions{
				TypeMeta:      metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
				Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion},
			}, nil)
			if err == nil || missing(err) {
				return nil
			}
		}
		if refused(err) {
			return l.letGo(ctx) // a user who may update leases and not delete them
		}
		if ctx.Err() != nil || try == tries {
			return fmt.Errorf("delete lease/%s: %w", Name(l.ref), err)
		}
		pause(ctx, breather<<(try-1))
	}
}

// reduced leaves out what was only needed to go on.
func reduced(s *rollout.State) *rollout.State {
	r := *s
	r.Template, r.Intent = nil, nil
	r.Spec.Edit.Manifest, r.Spec.Edit.Patch = nil, nil
	r.Managed = make([]rollout.Managed, len(s.Managed))
	for i, m := range s.Managed {
		r.Managed[i] = rollout.Managed{Ref: m.Ref, UID: m.UID}
	}
	return &r
}
