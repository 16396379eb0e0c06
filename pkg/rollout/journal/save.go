package journal

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Save implements rollout.Journal. The number of saves is tested with the token:
// a save whose answer never came may have been done, and may even be done later,
// but not after another. A request that was handed out counts as taken up with
// the first save after it, in the same write, so that no death in between makes
// it be done twice.
//
// A rollout that is over is reduced to how it ended, and its journal goes with
// the workload from then on.
func (l *Leader) Save(ctx context.Context, s *rollout.State) error {
	write := &save{Leader: l, taken: l.asked != nil && l.askedText != ""}
	written := s
	if s.Phase.Over() {
		written, write.over, write.owner = reduced(s), string(s.Phase), owner(l.ref, s)
	}
	var err error
	if write.text, err = encodeState(l.ref, written); err != nil {
		return err
	}
	err = l.persist(ctx, write)
	if refused(err) && write.owner != nil {
		// Some clusters let nobody name an owner that he may not change. Without one it stays until it is deleted.
		write.owner = nil
		err = l.persist(ctx, write)
	}
	if err != nil {
		return err
	}
	if write.taken {
		l.askedText = ""
	}
	l.over, l.last = s.Phase.Over(), written
	return nil
}

// save is one state that is to be written down.
type save struct {
	*Leader
	text, over string
	owner      []op
	// taken says that the request that was handed out is taken up with it.
	taken bool
}

func (w *save) ops() []op {
	ops := append([]op{setData(keyState, w.text), setData(keyOver, w.over)}, w.owner...)
	if w.taken {
		ops = append(ops, testData(keyRequest, w.askedText), setData(keyRequest, ""))
	}
	return ops
}

func (w *save) done(c *corev1.ConfigMap) bool {
	w.taken = w.taken && c.Data[keyRequest] == w.askedText // someone asked for something else meanwhile
	return c.Data[keyState] == w.text && c.Data[keyOver] == w.over
}

func (w *save) anew(data map[string]string) { data[keyState], data[keyOver] = w.text, w.over }

// Renew implements rollout.Journal. Where it ends with an error, the token may
// have been renewed all the same; the next request for the journal shows it.
func (l *Leader) Renew(ctx context.Context) error {
	l.mu.Lock()
	if l.next == "" {
		l.next = token()
	}
	write := &renewal{Leader: l, token: l.next}
	l.mu.Unlock()
	return l.persist(ctx, write)
}

// renewal is a token that is to take the place of this driver's.
type renewal struct {
	*Leader
	token string
}

func (w *renewal) before() string { return strings.Join(bounded(append(w.Before(), w.Token())), " ") }

func (w *renewal) ops() []op {
	if w.Token() == w.token {
		return nil // a look at the journal has shown it in the meantime
	}
	return []op{setData(keyToken, w.token), setData(keyBefore, w.before())}
}

func (w *renewal) done(c *corev1.ConfigMap) bool { return c.Data[keyToken] == w.token }

func (w *renewal) anew(data map[string]string) {
	data[keyToken], data[keyBefore] = w.token, w.before()
}

// bounded keeps the last tokens that are known.
func bounded(tokens []string) []string { return tokens[max(0, len(tokens)-known):] }
