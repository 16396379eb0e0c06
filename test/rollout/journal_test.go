package rollout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/journal"
	sandbox "github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// stateOf is a state with the workload among what is managed, and with text that encoders write in two ways.
func stateOf(ref rollout.Ref, uid string) *rollout.State {
	return &rollout.State{ID: "r", Spec: rollout.Spec{Workload: ref}, Phase: rollout.Starting, Template: json.RawMessage(`{"a":"b && <c>"}`),
		Managed: []rollout.Managed{{Ref: ref, UID: uid, Original: rollout.Fields{rollout.StrategyField: json.RawMessage(`{"type":"Recreate"}`)}}}}
}

// endLease makes a lease look as if its driver had not renewed it for long.
func endLease(t *testing.T, k *sandbox.Cluster, ns, name string) {
	t.Helper()
	leases := k.Typed().CoordinationV1().Leases(ns)
	l, err := leases.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	past := metav1.NewMicroTime(l.Spec.RenewTime.Add(-time.Minute))
	l.Spec.RenewTime = &past
	if _, err := leases.Update(t.Context(), l, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// letGo ends a test's hold on a journal.
func letGo(t *testing.T, l *journal.Leader) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		_ = l.Release(ctx)
	})
}

// sleeper is a driver's connection; while it sleeps no request leaves, a lease's renewal neither.
type sleeper struct {
	http.RoundTripper
	asleep atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (s *sleeper) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.asleep.Load() {
		return nil, errors.New("asleep")
	}
	return s.RoundTripper.RoundTrip(r)
}

// sleeperOf is a client and the connection below it.
func sleeperOf(t *testing.T, k *sandbox.Cluster) (*cluster.Client, *sleeper) {
	t.Helper()
	s := &sleeper{}
	config := rest.CopyConfig(k.Config())
	config.Wrap(func(below http.RoundTripper) http.RoundTripper {
		s.RoundTripper = below
		return s
	})
	return clientOf(t, config), s
}

func TestOfManyDriversOneLeads(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	ref := refTo("Deployment", ns, "web")
	const drivers = 6
	race := func(fresh bool) (*journal.Leader, *sleeper) {
		t.Helper()
		var lines [drivers]*sleeper
		leaders, errs := make([]*journal.Leader, drivers), make([]error, drivers)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range drivers {
			api, line := sleeperOf(t, k)
			lines[i] = line
			done.Add(1)
			go func() {
				defer done.Done()
				var state *rollout.State
				if fresh {
					state = stateOf(ref, fmt.Sprint("uid-of-", i))
				}
				start.Wait()
				leaders[i], _, errs[i] = journal.Lead(t.Context(), api, ref, fmt.Sprint("driver-", i), state)
			}()
		}
		start.Done()
		done.Wait()
		winner := -1
		for i, l := range leaders {
			if l != nil {
				letGo(t, l)
				if winner >= 0 {
					t.Fatalf("both %d and %d lead", winner, i)
				}
				winner = i
			}
		}
		if winner < 0 {
			t.Fatalf("nobody leads: %v", errs)
		}
		for i, err := range errs {
			var lost *rollout.LostError
			if i != winner && (!errors.As(err, &lost) || lost.Holder != fmt.Sprint("driver-", winner) || lost.Since.IsZero()) {
				t.Errorf("driver %d was told %v, and driver %d leads", i, err, winner)
			}
		}
		return leaders[winner], lines[winner]
	}
	first, line := race(true)
	if err := first.Save(t.Context(), stateOf(ref, "saved")); err != nil {
		t.Fatal(err)
	}
	line.asleep.Store(true)
	endLease(t, k, ns, journal.Name(ref))
	second, _ := race(false)
	if second.Epoch() != first.Epoch()+1 || len(second.Before()) != 1 || second.Before()[0] != first.Token() {
		t.Errorf("epoch %d after %d, before %v after %s", second.Epoch(), first.Epoch(), second.Before(), first.Token())
	}
}

// A driver that was stopped and did not notice can write neither to the journal nor to an object.
func TestADriverThatLostItsLeadCannotWrite(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c, line := sleeperOf(t, k)
	ref := refTo("Deployment", ns, "web")
	uid := string(liveOf(t, c, ref).Metadata.UID)
	m := rollout.Managed{Ref: ref, UID: uid}
	ann, _, err := journal.Lead(t.Context(), c, ref, "ann@host pid 1", stateOf(ref, uid))
	if err != nil {
		t.Fatal(err)
	}
	letGo(t, ann)
	claimed(t, c, m, ann.Token(), ann.Before())
	w := func() rollout.Write {
		return rollout.Write{Object: ref, UID: uid, Generation: liveOf(t, c, ref).Metadata.Generation, Changes: []rollout.Change{change(rollout.MinReadyField, "", "5")}}
	}
	line.asleep.Store(true)
	endLease(t, k, ns, journal.Name(ref))
	bob, state, err := journal.Lead(t.Context(), clientOf(t, k.Config()), ref, "bob@host pid 2", nil)
	if err != nil {
		t.Fatal(err)
	}
	letGo(t, bob)
	line.asleep.Store(false)
	if string(state.Template) == "" || !rollout.Same(state.Managed[0].Original[rollout.StrategyField], json.RawMessage(`{"type":"Recreate"}`)) {
		t.Errorf("bob goes on with %+v", state)
	}
	claimed(t, c, m, bob.Token(), bob.Before())
	var lost *rollout.LostError
	if err := ann.Save(t.Context(), stateOf(ref, uid)); !errors.As(err, &lost) || lost.Holder != "bob@host pid 2" {
		t.Errorf("ann's save: %v", err)
	}
	if err := c.Apply(t.Context(), w(), ann.Token()); sortOf(err) != "conflict" {
		t.Errorf("ann's write: %v", err)
	}
	if err := c.Claim(t.Context(), m, ann.Token(), ann.Before()); sortOf(err) != "conflict" {
		t.Errorf("ann's claim: %v", err)
	}
	if err := bob.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), w(), bob.Token()); sortOf(err) != "conflict" {
		t.Errorf("bob's write under a token that is on no object yet: %v", err)
	}
	claimed(t, c, m, bob.Token(), bob.Before())
	if err := c.Apply(t.Context(), w(), bob.Token()); err != nil {
		t.Errorf("bob's write: %v", err)
	}
	if err := bob.Save(t.Context(), state); err != nil {
		t.Errorf("bob's save: %v", err)
	}
}

// The journal of a rollout from its beginning to its end, and until its workload is deleted.
func TestAJournalsLife(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c := clientOf(t, k.Config())
	ref := refTo("Deployment", ns, "web")
	uid := string(liveOf(t, c, ref).Metadata.UID)
	l, _, err := journal.Lead(t.Context(), c, ref, "ann@host pid 1", stateOf(ref, uid))
	if err != nil {
		t.Fatal(err)
	}
	letGo(t, l)
	begun := lookUp(t, c, ref)
	if begun.Life != journal.Live || begun.Driver != "ann@host pid 1" || begun.At.Sub(begun.Renewed) > 5*time.Second || begun.Epoch != 1 {
		t.Errorf("begun: %+v", begun)
	}
	if _, err := journal.Ask(t.Context(), c, ref, rollout.Request{Do: rollout.AskPause, By: "bob <b&b>"}); err != nil {
		t.Fatal(err)
	}
	r, err := l.Asked(t.Context())
	if err != nil || r == nil || r.Do != rollout.AskPause || r.By != "bob <b&b>" {
		t.Fatalf("asked: %+v, %v", r, err)
	}
	s := stateOf(ref, uid)
	s.Phase = rollout.Paused
	if err := errors.Join(l.Save(t.Context(), s), l.Took(t.Context(), *r)); err != nil {
		t.Fatal(err)
	}
	if got := lookUp(t, c, ref); got.Request != nil || got.State.Phase != rollout.Paused {
		t.Errorf("taken up: %+v", got)
	}
	renewed := begun.Renewed
	k.WaitFor(t, "the lease to be renewed", time.Minute, func(context.Context) (bool, string, error) {
		r := lookUp(t, c, ref)
		return r.Renewed.After(renewed), fmt.Sprint(r.Renewed), nil
	})
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lookUp(t, c, ref); got.Life != journal.Left {
		t.Errorf("left: %+v", got)
	}
	next, state, err := journal.Lead(t.Context(), c, ref, "carl@host pid 3", nil)
	if err != nil {
		t.Fatal(err)
	}
	state.Phase = rollout.Promoted
	if err := errors.Join(next.Save(t.Context(), state), next.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	over := lookUp(t, c, ref)
	if over.Life != journal.Over || over.State.Phase != rollout.Promoted || len(over.State.Managed[0].Original) > 0 || over.Driver != "carl@host pid 3" {
		t.Errorf("over: %+v", over)
	}
	if _, err := k.Typed().CoordinationV1().Leases(ns).Get(t.Context(), journal.Name(ref), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the lease: %v", err)
	}
	again, _, err := journal.Lead(t.Context(), c, ref, "dora@host pid 4", stateOf(ref, uid))
	if err != nil {
		t.Fatal(err)
	}
	letGo(t, again)
	config, err := k.Typed().CoreV1().ConfigMaps(ns).Get(t.Context(), journal.Name(ref), metav1.GetOptions{})
	if err != nil || len(config.OwnerReferences) > 0 || again.Epoch() != 3 {
		t.Errorf("a rollout under way has owners %v, epoch %d: %v", config.OwnerReferences, again.Epoch(), err)
	}
	state = stateOf(ref, uid)
	state.Phase = rollout.Aborted
	if err := errors.Join(again.Save(t.Context(), state), again.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := k.Typed().AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	k.WaitFor(t, "the journal to go with its workload", time.Minute, func(ctx context.Context) (bool, string, error) {
		r, err := journal.Open(ctx, c, ref)
		return r == nil, fmt.Sprintf("%+v", r), err
	})
}

func lookUp(t *testing.T, api journal.API, ref rollout.Ref) journal.Record {
	t.Helper()
	r, err := journal.Open(t.Context(), api, ref)
	if err != nil || r == nil {
		t.Fatalf("open the journal: %+v, %v", r, err)
	}
	return *r
}

func TestJournalsAreFoundWherever(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	a, b := k.Namespace(t), k.Namespace(t)
	c := clientOf(t, k.Config())
	refs := []rollout.Ref{refTo("Deployment", a, "web"), refTo("StatefulSet", b, strings.Repeat("long-", 48)+"name")}
	for _, ref := range refs {
		l, _, err := journal.Lead(t.Context(), c, ref, "ann", stateOf(ref, "u"))
		if err != nil {
			t.Fatal(err)
		}
		letGo(t, l)
	}
	for i, ns := range []string{a, b} {
		if got, err := journal.List(t.Context(), c, ns); err != nil || len(got) != 1 || got[0].Ref != refs[i] || got[0].Life != journal.Live || got[0].State.Spec.Workload != refs[i] {
			t.Errorf("in %s: %+v, %v", ns, got, err)
		}
	}
	all, err := journal.List(t.Context(), c, "")
	found := 0
	for _, r := range all {
		if r.Ref == refs[0] || r.Ref == refs[1] {
			found++
		}
	}
	if err != nil || found != 2 {
		t.Errorf("in the cluster: %d of 2, %v", found, err)
	}
}
