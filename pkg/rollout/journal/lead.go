package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// tries bounds how often a request is decided on anew, and breather is the first wait between.
const (
	tries    = 5
	breather = 200 * time.Millisecond
)

// Lead takes the lead: of a new rollout where fresh is given, else of the one
// that the journal holds. Driver tells people who drives. The state is what the
// journal holds from then on.
//
// The error is a *rollout.LostError where another driver lives, an
// *UnderWayError where a new rollout is asked for and one is under way, ErrNone
// where there is none to take over, a *TooLargeError, or what kept it from the API server.
func Lead(ctx context.Context, api API, ref rollout.Ref, driver string, fresh *rollout.State) (*Leader, *rollout.State, error) {
	l := &Leader{book: book{api: api, ref: ref}, driver: driver, token: token(), took: map[string]bool{}}
	l.identity = driver + " " + l.token[:8]
	var text string
	if fresh != nil {
		var err error
		if text, err = encodeState(ref, fresh); err != nil {
			return nil, nil, err
		}
		if _, err = encodeState(ref, atItsLargest(fresh)); err != nil {
			return nil, nil, err
		}
	}
	for try := 1; ; try++ {
		state, err := l.attempt(ctx, text)
		if err == nil {
			l.over, l.last = state.Phase.Over(), state
			l.keep(ctx)
			return l, state, nil
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if final(err) || try == tries {
			if l.reached {
				_ = l.letGo(ctx) // nobody should wait for a lease whose holder does not lead; it runs out in any case
			}
			return nil, nil, err
		}
		pause(ctx, breather<<(try-1))
	}
}

// attempt decides by what is there, takes the Lease and then the token. Whatever
// was in doubt about an attempt before is seen at the beginning of the next.
func (l *Leader) attempt(ctx context.Context, fresh string) (*rollout.State, error) {
	p, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	if p.config != nil && l.ours(p.config.Data[keyToken]) {
		return l.taken(p.config)
	}
	if err := l.may(p, fresh != ""); err != nil {
		return nil, err
	}
	if err := l.acquire(ctx, p); err != nil {
		return nil, err
	}
	var c *corev1.ConfigMap
	if p.config == nil {
		c, err = l.create(ctx, l.data(fresh, 1, nil))
	} else {
		c, err = l.patch(ctx, l.takeover(p.config, fresh))
	}
	if err != nil {
		return nil, err
	}
	return l.taken(c)
}

// may says whether the lead may be taken.
func (l *Leader) may(p page, fresh bool) error {
	holder := p.holder()
	if holder != "" && holder != l.identity && !p.expired() {
		return lostTo(p.lease)
	}
	if p.config == nil {
		if !fresh {
			return fmt.Errorf("%s: %w", l.ref, ErrNone)
		}
		return nil
	}
	r := p.record(l.ref)
	switch {
	case fresh && r.Life != Over:
		return &UnderWayError{Record: r}
	case !fresh && r.Life == Over:
		return fmt.Errorf("%s: %w", l.ref, ErrNone)
	case !fresh && r.Broken != nil:
		return &brokenError{r.Broken}
	}
	return nil
}

// acquire makes the Lease this driver's, if it still is as it was read.
func (l *Leader) acquire(ctx context.Context, p page) error {
	now := metav1.NewMicroTime(l.api.Now())
	seconds := int32(leaseTime / time.Second)
	next := &coordinationv1.Lease{TypeMeta: metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}, ObjectMeta: l.meta()}
	method, path, changes := http.MethodPost, l.lease(), int32(0)
	if p.lease != nil {
		next.ObjectMeta = p.lease.ObjectMeta
		method, path = http.MethodPut, l.named(l.lease())
		if p.lease.Spec.LeaseTransitions != nil {
			changes = *p.lease.Spec.LeaseTransitions
		}
		changes++
	}
	next.Spec = coordinationv1.LeaseSpec{HolderIdentity: &l.identity, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now, LeaseTransitions: &changes}
	sent := time.Now()
	l.reached = true
	if err := l.call(ctx, method, path, jsonType, next, nil); err != nil {
		return fmt.Errorf("take lease/%s: %w", Name(l.ref), err)
	}
	l.renewedAt(sent)
	return nil
}

// data is a journal from its beginning.
func (l *Leader) data(state string, epoch int64, before []string) map[string]string {
	now := clock(l.api.Now())
	return map[string]string{keyFormat: format, keyWorkload: l.ref.Kind + "/" + l.ref.Name, keyState: state, keyToken: l.Token(), keyBefore: strings.Join(before, " "),
		keyEpoch: strconv.FormatInt(epoch, 10), keyDriver: l.driver, keySince: now, keyAlive: now, keyRequest: "", keySaves: "0", keyOver: ""}
}

func (l *Leader) create(ctx context.Context, data map[string]string) (*corev1.ConfigMap, error) {
	c := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: l.meta(), Data: data}
	if err := l.call(ctx, http.MethodPost, l.config(), jsonType, c, c); err != nil {
		return nil, fmt.Errorf("create configmap/%s: %w", Name(l.ref), err)
	}
	return c, nil
}

// takeover puts this driver's token in place of the one that was read. The state
// is left as it is at that moment, or is the new rollout's.
//
// The tokens of drivers before stay known beyond the end of a rollout: a driver
// that was stopped in the middle of a claim may still put its own on an object.
func (l *Leader) takeover(c *corev1.ConfigMap, fresh string) []op {
	epoch, _ := strconv.ParseInt(c.Data[keyEpoch], 10, 64)
	before := strings.Fields(c.Data[keyBefore])
	previous, there := c.Data[keyToken]
	if previous != "" {
		before = append(before, previous)
	}
	before = bounded(before)
	ops := []op{{"test", "/metadata/uid", string(c.UID)}, testData(keyToken, previous)}
	if !there {
		ops[1].Value = nil
	}
	data := l.data(fresh, epoch+1, before)
	if fresh == "" {
		for _, kept := range []string{keyFormat, keyWorkload, keyState, keyRequest, keySaves, keyOver} {
			delete(data, kept)
		}
	} else if len(c.OwnerReferences) > 0 {
		// What is under way must outlive the workload: it holds how everything was.
		ops = append(ops, op{"remove", "/metadata/ownerReferences", nil})
	}
	for key, value := range data {
		ops = append(ops, setData(key, value))
	}
	return ops
}

// taken reads what the journal says with this driver's token in it.
func (l *Leader) taken(c *corev1.ConfigMap) (*rollout.State, error) {
	if !l.ours(c.Data[keyToken]) {
		return nil, errors.New("the journal does not hold what was written")
	}
	s, err := decodeState(c.Data)
	if err != nil {
		return nil, &brokenError{err}
	}
	l.noted(c)
	return s, nil
}

// brokenError says that a journal cannot be read; trying again does not help.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// final says that another attempt would end in the same way.
func final(err error) bool {
	var (
		lost     *rollout.LostError
		underWay *UnderWayError
		broken   *brokenError
	)
	return errors.As(err, &lost) || errors.As(err, &underWay) || errors.As(err, &broken) || errors.Is(err, ErrNone) || refused(err)
}

// token is what tells a driver from every other. It is a label's value.
func token() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func encodeState(ref rollout.Ref, s *rollout.State) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode the state of %s: %w", ref, err)
	}
	if len(b) > most {
		return "", &TooLargeError{Ref: ref, Bytes: len(b)}
	}
	return string(b), nil
}

// atItsLargest is a rollout on its way back from the new template: the write
// that is on its way holds both once more.
func atItsLargest(s *rollout.State) *rollout.State {
	w := s.Workload()
	if w == nil {
		return s
	}
	largest := *s
	largest.Intent = &rollout.Write{Object: w.Ref, UID: w.UID, Changes: []rollout.Change{
		{Path: rollout.TemplateField, From: s.Template, To: w.Original[rollout.TemplateField]}}}
	return &largest
}

// lostTo names the holder of a lease; the last word of its identity only tells processes apart.
func lostTo(lease *coordinationv1.Lease) *rollout.LostError {
	e := &rollout.LostError{Holder: "another driver"}
	if h := lease.Spec.HolderIdentity; h != nil && *h != "" {
		e.Holder = *h
		if i := strings.LastIndexByte(*h, ' '); i > 0 {
			e.Holder = (*h)[:i]
		}
	}
	e.Holder = snapshot.Safe(e.Holder)
	if t := lease.Spec.AcquireTime; t != nil {
		e.Since = t.Time
	}
	return e
}

// lostToDriver names the driver whose token the journal holds.
func lostToDriver(data map[string]string) *rollout.LostError {
	e := &rollout.LostError{Holder: snapshot.Safe(data[keyDriver])}
	e.Since, _ = time.Parse(time.RFC3339, data[keySince])
	return e
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
