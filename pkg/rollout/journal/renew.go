package journal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// keep renews the lease in the background, and gives a sign of life in the
// ConfigMap from time to time. It does not end with ctx: a driver that is told to
// stop still writes down where it stands, and leads until then.
func (l *Leader) keep(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	l.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		next, beat := renewEvery, time.Now()
		for {
			pause(ctx, next)
			if ctx.Err() != nil {
				return
			}
			err := l.renew(ctx, 0)
			if errors.Is(err, rollout.ErrLost) {
				return
			}
			next = renewEvery
			if err != nil {
				next = time.Second
			} else if time.Since(beat) >= beatEvery && l.alive(ctx, clock(l.api.Now())) == nil {
				beat = time.Now()
			}
		}
	}()
}

// alive writes the last sign of life into the ConfigMap, empty where this driver goes.
func (l *Leader) alive(ctx context.Context, at string) error {
	_, err := l.patch(ctx, []op{testData(keyToken, l.Token()), setData(keyAlive, at)})
	return err
}

// Leading implements rollout.Journal. As long as the last renewal is younger
// than the lease, nobody else can have taken it; the steady clock says how old it
// is, and goes on while a process is stopped. An older one is renewed first.
func (l *Leader) Leading(ctx context.Context) error {
	if fresh, err := l.fresh(leaseTime); fresh || err != nil {
		return err
	}
	if err := l.renew(ctx, leaseTime); err != nil {
		return err
	}
	// The lease may have been someone else's in between, and given back.
	_, err := l.mine(ctx)
	return err
}

// fresh says whether the lease was renewed less than some time ago.
func (l *Leader) fresh(than time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost == nil && time.Since(l.renewed) < than, l.lost
}

// renew renews the lease, unless another did within the time given while this
// waited for its turn. Another holder is a *rollout.LostError from then on;
// anything else that goes wrong says nothing about who leads.
func (l *Leader) renew(ctx context.Context, unless time.Duration) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	if fresh, err := l.fresh(unless); fresh || err != nil {
		return err
	}
	for try := 1; ; try++ {
		sent := time.Now()
		err := l.call(ctx, http.MethodPatch, l.named(l.lease()), jsonPatch, []op{
			{"test", "/spec/holderIdentity", l.identity},
			{"add", "/spec/renewTime", metav1.NewMicroTime(l.api.Now())},
		}, nil)
		if err == nil {
			l.renewedAt(sent)
			return nil
		}
		if !moved(err) && !missing(err) || try == tries {
			return fmt.Errorf("renew lease/%s: %w", Name(l.ref), err)
		}
		if err := l.regain(ctx); err != nil {
			return err
		}
	}
}

func (l *Leader) renewedAt(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = sent
}

// regain looks why the lease could not be renewed. One that nobody holds any
// more, deleted or cleared by hand, is taken again if the journal still holds
// this driver's token.
func (l *Leader) regain(ctx context.Context) error {
	lease, err := l.readLease(ctx)
	if err != nil {
		return err
	}
	switch (page{lease: lease}).holder() {
	case l.identity:
		return nil
	case "":
	default:
		return l.lose(lostTo(lease))
	}
	c, err := l.readConfig(ctx)
	if err != nil {
		return err
	}
	if c != nil && !l.ours(c.Data[keyToken]) {
		return l.lose(lostToDriver(c.Data))
	}
	err = l.acquire(ctx, page{lease: lease})
	switch {
	case err == nil, moved(err):
		return nil
	case refused(err), missing(err):
		return &rollout.UnwritableError{Err: err}
	}
	return err
}

// letGo gives the lease away, if this driver holds it.
func (l *Leader) letGo(ctx context.Context) error {
	for try := 1; ; try++ {
		err := l.call(ctx, http.MethodPatch, l.named(l.lease()), jsonPatch, []op{
			{"test", "/spec/holderIdentity", l.identity},
			{"replace", "/spec/holderIdentity", ""},
		}, nil)
		if err == nil || missing(err) {
			return nil
		}
		if moved(err) {
			if lease, readErr := l.readLease(ctx); readErr == nil && (page{lease: lease}).holder() != l.identity {
				return nil
			}
		}
		if ctx.Err() != nil || try == tries || refused(err) {
			return fmt.Errorf("give lease/%s away: %w", Name(l.ref), err)
		}
		pause(ctx, breather<<(try-1))
	}
}
