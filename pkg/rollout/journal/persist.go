package journal

import (
	"context"
	"errors"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// change is what persist brings into the journal.
type change interface {
	// ops change the journal as it is known; none where it is changed already.
	ops() []op
	// done says whether a journal that was read holds the change.
	done(c *corev1.ConfigMap) bool
	// anew changes a journal that is made anew.
	anew(data map[string]string)
}

// persist writes until it is known to be written: where the answer is in doubt
// the journal is read. One that somebody deleted while it was in use is made
// anew: what it held is known nowhere else.
func (l *Leader) persist(ctx context.Context, w change) error {
	for try := 1; ; try++ {
		ops := w.ops()
		if len(ops) == 0 {
			return nil
		}
		counted := strconv.FormatInt(l.saves+1, 10)
		c, err := l.patch(ctx, append(append(l.fence(), setData(keySaves, counted)), ops...))
		if err == nil {
			l.noted(c)
			return nil
		}
		if refused(err) {
			return &rollout.UnwritableError{Err: err}
		}
		c, readErr := l.mine(ctx)
		switch {
		case errors.Is(readErr, rollout.ErrLost):
			return readErr
		case readErr == nil && c == nil:
			if c, err = l.create(ctx, l.again(counted, w)); err == nil {
				l.noted(c)
				return nil
			}
			if refused(err) || missing(err) { // the namespace goes, or is gone
				return &rollout.UnwritableError{Err: err}
			}
		case readErr == nil && w.done(c):
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if try == tries {
			return err
		}
		if !moved(err) {
			pause(ctx, breather<<(try-1))
		}
	}
}

// again is the journal as it was, with a change.
func (l *Leader) again(saves string, w change) map[string]string {
	text, _ := encodeState(l.ref, l.last) // it was written before
	data := l.data(text, l.epoch, l.before)
	data[keySince], data[keySaves] = l.since, saves
	w.anew(data)
	return data
}

// fence tests that this driver leads and that it knows of every save.
func (l *Leader) fence() []op {
	return []op{testData(keyToken, l.Token()), testData(keySaves, strconv.FormatInt(l.saves, 10))}
}
