package journal

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Leader is the driver's hold on a journal. It implements rollout.Journal. Its
// lease is renewed in the background until Release. The methods are for one
// goroutine, the one that drives.
type Leader struct {
	book
	driver, identity string
	// reached says that the lease may be this driver's.
	reached bool

	// What the journal held when it was last read or written.
	before []string
	epoch  int64
	since  string
	saves  int64
	over   bool
	last   *rollout.State
	// asked is a request that was handed out and not taken up yet, with its text in the journal.
	asked     *rollout.Request
	askedText string
	took      map[string]bool

	stop func()

	// turn is held by whoever renews; mu only while the fields below are looked at.
	turn, mu sync.Mutex
	token    string
	// next is a token that may already be the one in the journal.
	next string
	// renewed is when the last renewal that succeeded was sent, by the steady clock.
	renewed time.Time
	lost    error
}

// noted takes over what the journal holds.
func (l *Leader) noted(c *corev1.ConfigMap) {
	l.mu.Lock()
	if t := c.Data[keyToken]; t == l.next && t != "" {
		l.token, l.next = t, ""
	}
	l.mu.Unlock()
	l.since = c.Data[keySince]
	l.before = strings.Fields(c.Data[keyBefore])
	l.epoch, _ = strconv.ParseInt(c.Data[keyEpoch], 10, 64)
	l.saves, _ = strconv.ParseInt(c.Data[keySaves], 10, 64)
}

// Token implements rollout.Journal.
func (l *Leader) Token() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.token
}

// Before implements rollout.Journal.
func (l *Leader) Before() []string { return slices.Clone(l.before) }

// Epoch counts the drivers that the workload's rollouts have had, this one included.
func (l *Leader) Epoch() int64 { return l.epoch }

// mine reads the journal; a *rollout.LostError where another driver's token is in it.
func (l *Leader) mine(ctx context.Context) (*corev1.ConfigMap, error) {
	c, err := l.readConfig(ctx)
	if err != nil || c == nil {
		return c, err
	}
	if l.ours(c.Data[keyToken]) {
		l.noted(c)
		return c, nil
	}
	return nil, l.lose(lostToDriver(c.Data))
}

// ours says whether a token is this driver's, the one that it may have renewed included.
func (l *Leader) ours(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return token != "" && (token == l.token || token == l.next)
}

// lose notes that another leads, once and for all.
func (l *Leader) lose(to *rollout.LostError) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = to
	}
	return l.lost
}
