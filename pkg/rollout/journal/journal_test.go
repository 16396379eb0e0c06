package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

var web = rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}

const (
	configPath = "/api/v1/namespaces/shop/configmaps/msa-rollout-deployment-web"
	leasePath  = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/msa-rollout-deployment-web"
)

var _ rollout.Journal = (*Leader)(nil)

func aState(step int) *rollout.State {
	return &rollout.State{ID: "r1", Spec: rollout.Spec{Workload: web, Edit: rollout.Edit{Manifest: json.RawMessage(`{"m":1}`)}}, Phase: rollout.Shifting, Step: step,
		Template: json.RawMessage(`{"t":1}`),
		Managed:  []rollout.Managed{{Ref: web, UID: "w", Original: rollout.Fields{rollout.TemplateField: json.RawMessage(`{"o":1}`)}}}}
}

func lead(t *testing.T, f *fakeAPI, driver string, fresh *rollout.State) *Leader {
	t.Helper()
	l, _, err := Lead(t.Context(), f, web, driver, fresh)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	return l
}

// stale makes a leader forget that it renewed, as if it had been stopped for long.
func stale(l *Leader) { l.renewedAt(time.Now().Add(-time.Hour)) }

func lostToWhom(err error) string {
	var lost *rollout.LostError
	if errors.As(err, &lost) {
		return lost.Holder
	}
	return fmt.Sprintf("nobody (%v)", err)
}

// Whatever happens to any one request, a driver that tries again ends where it
// meant to, and a person's wish is handed out once.
func TestAnyRequestMayFail(t *testing.T) {
	requests := len(story(t, newFake()).seen)
	if requests < 12 {
		t.Fatalf("the story makes only %d requests", requests)
	}
	for _, what := range []fate{never, unheard, busy, broken, contends} {
		for n := 1; n <= requests; n++ {
			t.Run(fmt.Sprint(what, " at ", n), func(t *testing.T) {
				t.Parallel()
				f := newFake()
				f.fate = func(i int, _ string) fate {
					if i == n {
						return what
					}
					return fine
				}
				story(t, f)
			})
		}
	}
}

// story drives a rollout from its beginning to its end, and checks what is left of it.
func story(t *testing.T, f *fakeAPI) *fakeAPI {
	t.Helper()
	again := func(do func() error) {
		t.Helper()
		var err error
		for range 3 {
			if err = do(); err == nil {
				return
			}
		}
		t.Fatal(err)
	}
	ctx := t.Context()
	var l *Leader
	again(func() (err error) { l, _, err = Lead(ctx, f, web, "ann@a pid 1", aState(0)); return err })
	first := l.Token()
	again(func() error { return l.Save(ctx, aState(1)) })
	again(func() error {
		_, err := Ask(ctx, f, web, rollout.Request{ID: "q1", Do: rollout.AskPromote, By: "bob"})
		return err
	})
	for step := 2; step <= 3; step++ {
		var r *rollout.Request
		again(func() (err error) { r, err = l.Asked(ctx); return err })
		if (r != nil && r.ID == "q1") != (step == 2) {
			t.Errorf("at step %d the request handed out is %+v", step, r)
		}
		again(func() error { return l.Save(ctx, aState(step)) })
		if r != nil {
			again(func() error { return l.Took(ctx, *r) })
		}
	}
	again(func() error { return l.Renew(ctx) })
	if l.Token() == first || !slices.Contains(l.Before(), first) {
		t.Errorf("renewed to %s from %s, with %v before", l.Token(), first, l.Before())
	}
	again(func() error { return l.Save(ctx, aState(4)) })
	end := aState(5)
	end.Phase = rollout.Promoted
	again(func() error { return l.Save(ctx, end) })
	again(func() error { return l.Release(ctx) })
	d := f.data(configPath)
	var s rollout.State
	if err := json.Unmarshal([]byte(d[keyState].(string)), &s); err != nil {
		t.Fatal(err)
	}
	if d[keyOver] != "promoted" || d[keyToken] != "" || d[keyRequest] != "" || s.Step != 5 {
		t.Errorf("left: %v", d)
	}
	if text := d[keyState].(string); strings.Contains(text, `"o":1`) || strings.Contains(text, `"t":1`) || strings.Contains(text, `"m":1`) || s.Managed[0].UID != "w" {
		t.Errorf("not reduced: %s", text)
	}
	if f.has(leasePath) {
		t.Error("the lease is left")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if owner := fmt.Sprint(f.objects[configPath]["metadata"].(map[string]any)["ownerReferences"]); !strings.Contains(owner, "uid:w") {
		t.Errorf("owned by %s", owner)
	}
	return f
}

// A save that nobody heard of again must not undo the one after it.
func TestASaveThatArrivesLateIsNotDone(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	f.fate = func(_ int, request string) fate {
		if strings.HasPrefix(request, "PATCH") && len(f.held) == 0 {
			return late
		}
		return fine
	}
	if err := l.Save(t.Context(), aState(1)); err != nil {
		t.Fatal(err)
	}
	f.fate = nil
	if err := l.Save(t.Context(), aState(2)); err != nil {
		t.Fatal(err)
	}
	f.arrive()
	r, err := Open(t.Context(), f, web)
	if err != nil || r.State.Step != 2 {
		t.Errorf("the state is of step %d, %v", r.State.Step, err)
	}
	if err := l.Save(t.Context(), aState(3)); err != nil {
		t.Errorf("and then: %v", err)
	}
}

func TestADriverWhoseLeaseRanOutCannotWrite(t *testing.T) {
	f := newFake()
	ann := lead(t, f, "ann@a pid 1", aState(0))
	if _, _, err := Lead(t.Context(), f, web, "bob@b pid 2", nil); lostToWhom(err) != "ann@a pid 1" {
		t.Fatalf("while ann lives: %v", err)
	}
	f.pass(leaseTime + slack)
	if _, _, err := Lead(t.Context(), f, web, "bob@b pid 2", nil); lostToWhom(err) != "ann@a pid 1" {
		t.Fatalf("at the last moment: %v", err)
	}
	if err := ann.Save(t.Context(), aState(7)); err != nil {
		t.Fatal(err)
	}
	f.pass(time.Second)
	bob, s, err := Lead(t.Context(), f, web, "bob@b pid 2", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bob.stop)
	if s.Step != 7 || bob.Epoch() != ann.Epoch()+1 || !slices.Equal(bob.Before(), []string{ann.Token()}) || bob.Token() == ann.Token() {
		t.Errorf("bob goes on at step %d, epoch %d, before %v", s.Step, bob.Epoch(), bob.Before())
	}
	held := fmt.Sprint(f.data(configPath))
	for name, do := range map[string]func(*Leader) error{
		"save":    func(l *Leader) error { return l.Save(t.Context(), aState(8)) },
		"renew":   func(l *Leader) error { return l.Renew(t.Context()) },
		"asked":   func(l *Leader) error { _, err := l.Asked(t.Context()); return err },
		"leading": func(l *Leader) error { stale(l); return l.Leading(t.Context()) },
		"release": func(l *Leader) error { _ = l.Save(t.Context(), aState(8)); return l.Release(t.Context()) },
	} {
		again := &Leader{book: ann.book, driver: ann.driver, identity: ann.identity, token: ann.token, saves: ann.saves, took: map[string]bool{}, stop: func() {}, last: aState(0)}
		if err := do(again); lostToWhom(err) != "bob@b pid 2" || !errors.Is(err, rollout.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := fmt.Sprint(f.data(configPath)); now != held {
		t.Errorf("ann wrote all the same: %s\nbefore %s", now, held)
	}
	if r, err := Open(t.Context(), f, web); err != nil || r.Life != Live || r.Driver != "bob@b pid 2" {
		t.Errorf("the record says %+v, %v", r, err)
	}
}

func TestWhoMayLead(t *testing.T) {
	f := newFake()
	begin := func(fresh *rollout.State) error {
		l, _, err := Lead(t.Context(), f, web, "bob", fresh)
		if err == nil {
			l.stop()
		}
		return err
	}
	if err := begin(nil); !errors.Is(err, ErrNone) {
		t.Errorf("nothing to take over: %v", err)
	}
	if f.has(leasePath) {
		t.Error("a lease is left of that")
	}
	ann := lead(t, f, "ann", aState(0))
	var underWay *UnderWayError
	if err := begin(aState(0)); lostToWhom(err) != "ann" {
		t.Errorf("new while ann leads: %v", err)
	}
	f.pass(time.Minute)
	if err := begin(aState(0)); !errors.As(err, &underWay) || underWay.Record.Life != Abandoned || underWay.Record.Driver != "ann" {
		t.Errorf("new where one is abandoned: %v", err)
	}
	if err := ann.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := begin(aState(0)); !errors.As(err, &underWay) || underWay.Record.Life != Left {
		t.Errorf("new where one was left: %v", err)
	}
	over := lead(t, f, "carl", nil)
	end := aState(1)
	end.Phase, end.Seen = rollout.Aborted, f.now.Add(time.Hour)
	if err := errors.Join(over.Save(t.Context(), end), over.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := begin(nil); !errors.Is(err, ErrNone) {
		t.Errorf("nothing to take over any more: %v", err)
	}
	if _, err := Ask(t.Context(), f, web, rollout.Request{Do: rollout.AskAbort}); !errors.Is(err, ErrNone) {
		t.Errorf("a wish about what is over: %v", err)
	}
	if r, err := Open(t.Context(), f, web); err != nil || r.Life != Over || !r.Renewed.Equal(end.Seen) {
		t.Errorf("over: %+v, %v", r, err)
	}
	next := lead(t, f, "dora", aState(0))
	if next.Epoch() != 3 || !slices.Contains(next.Before(), over.Token()) {
		t.Errorf("epoch %d, before %v", next.Epoch(), next.Before())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if owners := f.objects[configPath]["metadata"].(map[string]any)["ownerReferences"]; owners != nil {
		t.Errorf("what is under way goes with the workload: %v", owners)
	}
}

func TestWhatIsTakenAwayFromADriverItPutsBack(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	token := l.Token()
	f.remove(configPath)
	if err := l.Save(t.Context(), aState(3)); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(t.Context(), f, web); err != nil || r.State.Step != 3 || l.Token() != token || r.Epoch != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	f.remove(leasePath)
	stale(l)
	if err := l.Leading(t.Context()); err != nil {
		t.Errorf("the lease was deleted by hand: %v", err)
	}
	if err := l.letGo(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale(l)
	if err := l.Leading(t.Context()); err != nil {
		t.Errorf("the lease was cleared by hand: %v", err)
	}
	if r, err := Open(t.Context(), f, web); err != nil || r.Life != Live {
		t.Errorf("%+v, %v", r, err)
	}
	stale(l)
	f.fate = func(int, string) fate { return never }
	if err := l.Leading(t.Context()); !errors.Is(err, errCut) || errors.Is(err, rollout.ErrLost) {
		t.Errorf("without a network: %v", err)
	}
	f.fate = nil
	if err := l.Leading(t.Context()); err != nil {
		t.Errorf("with the network again: %v", err)
	}
}

// Whoever asks to go back is not overruled by who asks for something else a
// moment later; once nobody drives, the last wish counts.
func TestAWishToGoBackComesFirst(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	ask := func(do rollout.Ask, by string) error {
		_, err := Ask(t.Context(), f, web, rollout.Request{Do: do, By: by})
		return err
	}
	var first *BackFirstError
	if err := ask(rollout.AskPromote, "eve"); err != nil {
		t.Fatal(err)
	}
	if err := ask(rollout.AskAbort, "bob"); err != nil {
		t.Errorf("in place of a wish to go on: %v", err)
	}
	if err := ask(rollout.AskPromote, "eve"); !errors.As(err, &first) || first.By != "bob" {
		t.Errorf("in place of a wish to go back: %v", err)
	}
	if r, err := l.Asked(t.Context()); err != nil || r == nil || r.Do != rollout.AskAbort {
		t.Errorf("heard %+v, %v", r, err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ask(rollout.AskResume, "eve"); err != nil {
		t.Errorf("once nobody drives: %v", err)
	}
}

// A namespace that goes takes the journal with it and lets none be made anew. That
// is said once and for all, and not tried for ever.
func TestAJournalThatCannotBeKept(t *testing.T) {
	for name, answer := range map[string]fate{"the namespace is being terminated": denied, "the namespace is gone": nowhere} {
		f := newFake()
		l := lead(t, f, "ann", aState(0))
		f.remove(configPath)
		f.remove(leasePath)
		f.fate = func(_ int, request string) fate {
			if strings.HasPrefix(request, "POST") {
				return answer
			}
			return fine
		}
		var unwritable *rollout.UnwritableError
		if err := l.Save(t.Context(), aState(1)); !errors.As(err, &unwritable) {
			t.Errorf("%s: saved with %v", name, err)
		}
		stale(l)
		if err := l.Leading(t.Context()); !errors.As(err, &unwritable) {
			t.Errorf("%s: leads with %v", name, err)
		}
		f.fate = nil
		if err := l.Save(t.Context(), aState(1)); err != nil {
			t.Errorf("%s, and back again: %v", name, err)
		}
	}
}

// The right to write may be taken away as well.
func TestAJournalThatMayNotBeWritten(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	f.fate = func(_ int, request string) fate {
		if strings.HasPrefix(request, "PATCH") {
			return denied
		}
		return fine
	}
	var unwritable *rollout.UnwritableError
	if err := l.Save(t.Context(), aState(1)); !errors.As(err, &unwritable) {
		t.Errorf("saved with %v", err)
	}
}

func TestAStateThatIsTooLargeIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for name, length := range map[string]int{"at once": most, "with the write of it": most * 2 / 3} {
		f := newFake()
		large := aState(0)
		large.Template, _ = json.Marshal(strings.Repeat("x", length))
		var tooLarge *TooLargeError
		if _, _, err := Lead(t.Context(), f, web, "ann", large); !errors.As(err, &tooLarge) || !strings.Contains(err.Error(), "900") {
			t.Errorf("%s: %v", name, err)
		}
		if len(f.seen) > 0 {
			t.Errorf("%s: requests: %q", name, f.seen)
		}
	}
	f, fits := newFake(), aState(0)
	fits.Template, _ = json.Marshal(strings.Repeat("x", most/3))
	l := lead(t, f, "ann", fits)
	next := *fits
	next.Intent = &rollout.Write{Object: web, Changes: []rollout.Change{{Path: rollout.TemplateField, To: fits.Template}}}
	if err := l.Save(t.Context(), &next); err != nil {
		t.Errorf("what was begun cannot be written down: %v", err)
	}
}

func TestAskedForAgainBeforeItWasTakenUp(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	ask := func(id string) {
		t.Helper()
		r, err := Ask(t.Context(), f, web, rollout.Request{ID: id, Do: rollout.AskPause, By: "bob"})
		if err != nil || r.Life != Live || r.Request.ID != id || !r.Request.At.Equal(f.now) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	ask("one")
	one, err := l.Asked(t.Context())
	if err != nil || one.ID != "one" {
		t.Fatalf("%+v, %v", one, err)
	}
	ask("two")
	if err := l.Took(t.Context(), *one); err != nil {
		t.Fatal(err)
	}
	two, err := l.Asked(t.Context())
	if err != nil || two == nil || two.ID != "two" {
		t.Fatalf("the second wish is lost: %+v, %v", two, err)
	}
	ask("three")
	if err := l.Save(t.Context(), aState(1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Took(t.Context(), *two); err != nil {
		t.Fatal(err)
	}
	if three, err := l.Asked(t.Context()); err != nil || three == nil || three.ID != "three" {
		t.Fatalf("the third wish is lost: %+v, %v", three, err)
	}
	// A driver that dies between doing and saying so leaves nothing to be done twice.
	if err := l.Save(t.Context(), aState(2)); err != nil {
		t.Fatal(err)
	}
	if d := f.data(configPath); d[keyRequest] != "" {
		t.Errorf("after the save that does it, the journal still asks for %v", d[keyRequest])
	}
}

// Killed right after its last save, a driver leaves nothing in the way.
func TestAnEndThatNobodyClosed(t *testing.T) {
	f := newFake()
	f.forbidOwners = true // and in a cluster that lets nobody name owners
	ann := lead(t, f, "ann", aState(0))
	end := aState(5)
	end.Phase = rollout.Aborted
	if err := ann.Save(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(t.Context(), f, web); err != nil || r.Life != Over || r.State.Template != nil && string(r.State.Template) != "null" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := Ask(t.Context(), f, web, rollout.Request{Do: rollout.AskAbort}); !errors.Is(err, ErrNone) {
		t.Errorf("a wish about what is over: %v", err)
	}
	f.pass(time.Minute)
	bob := lead(t, f, "bob", aState(0))
	if err := bob.Save(t.Context(), aState(1)); err != nil || !slices.Contains(bob.Before(), ann.Token()) {
		t.Errorf("%v, before %v", err, bob.Before())
	}
}

func TestAWishThatCouldNotBeClearedIsNotHandedOutAgain(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(0))
	if _, err := Ask(t.Context(), f, web, rollout.Request{ID: "one", Do: rollout.AskPromote}); err != nil {
		t.Fatal(err)
	}
	one, err := l.Asked(t.Context())
	if err != nil || one == nil {
		t.Fatal(one, err)
	}
	f.fate = func(int, string) fate { return never }
	if err := l.Took(t.Context(), *one); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	f.fate = nil
	if again, err := l.Asked(t.Context()); again != nil || err != nil {
		t.Errorf("handed out again: %+v, %v", again, err)
	}
	if d := f.data(configPath); d[keyRequest] != "" {
		t.Errorf("the journal still asks for %v", d[keyRequest])
	}
}

func TestLives(t *testing.T) {
	f := newFake()
	none, err := Open(t.Context(), f, web)
	if none != nil || err != nil {
		t.Fatalf("%+v, %v", none, err)
	}
	l := lead(t, f, "ann\x1b[2J", aState(4))
	db := rollout.Ref{Kind: "StatefulSet", Namespace: "data", Name: "db"}
	other, _, err := Lead(t.Context(), f, db, "bob", &rollout.State{Phase: rollout.Paused})
	if err != nil {
		t.Fatal(err)
	}
	other.stop()
	if err := other.letGo(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.pass(leaseTime + slack + time.Second)
	if err := l.renew(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	f.pass(leaseTime)
	all, err := List(t.Context(), f, "")
	if err != nil || len(all) != 2 || all[0].Ref != db || all[0].Life != Left || all[1].Ref != web || all[1].Life != Live {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[1].State.Step != 4 || strings.Contains(all[1].Driver, "\x1b") || all[1].At.Sub(all[1].Renewed) != leaseTime || all[1].Epoch != 1 {
		t.Errorf("%+v", all[1])
	}
	f.pass(slack + time.Second)
	if one, err := List(t.Context(), f, "shop"); err != nil || len(one) != 1 || one[0].Life != Abandoned {
		t.Errorf("%+v, %v", one, err)
	}
	f.data(configPath)[keyFormat] = "2"
	if r, err := Open(t.Context(), f, web); err != nil || r.State != nil || r.Broken == nil || !strings.Contains(r.Broken.Error(), "version") {
		t.Errorf("a journal of a later version: %+v, %v", r, err)
	}
	if _, _, err := Lead(t.Context(), f, web, "carl", nil); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("a journal of a later version was taken over: %v", err)
	}
}

// Who may not read the Lease still learns where a rollout stands, and not that nobody drives it.
func TestALeaseThatMayNotBeRead(t *testing.T) {
	f := newFake()
	f.forbidLeases = true
	if none, err := Open(t.Context(), f, web); none != nil || err != nil {
		t.Errorf("nothing is written down: %+v, %v", none, err)
	}
	f.forbidLeases = false
	l := lead(t, f, "ann", aState(4))
	f.forbidLeases = true
	r, err := Open(t.Context(), f, web)
	if err != nil || r.Life != Unknown || !forbidden(r.Unread) || r.State.Step != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if all, err := List(t.Context(), f, "shop"); err != nil || len(all) != 1 || all[0].Life != Unknown || all[0].Unread == nil {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := Ask(t.Context(), f, web, rollout.Request{Do: rollout.AskAbort}); !forbidden(err) {
		t.Errorf("something was asked of nobody knows whom: %v", err)
	}
	if _, _, err := Lead(t.Context(), f, web, "bob", nil); !forbidden(err) {
		t.Errorf("the lead was taken: %v", err)
	}
	f.forbidLeases = false
	over := aState(4)
	over.Phase = rollout.Promoted
	if err := l.Save(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.forbidLeases = true
	if r, err := Open(t.Context(), f, web); err != nil || r.Life != Over || r.Unread != nil {
		t.Errorf("what is over needs no driver: %+v, %v", r, err)
	}
}

// Who may not read the Lease learns from the ConfigMap that nobody drives.
func TestTheConfigMapTellsOfADriverToo(t *testing.T) {
	f := newFake()
	l := lead(t, f, "ann", aState(4))
	life := func() Life {
		t.Helper()
		f.forbidLeases = true
		defer func() { f.forbidLeases = false }()
		r, err := Open(t.Context(), f, web)
		if err != nil || r.Unread == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.Life
	}
	f.pass(silence)
	if got := life(); got != Unknown {
		t.Errorf("just within the time for a sign of life: %s", got)
	}
	f.pass(time.Second)
	if got := life(); got != Abandoned {
		t.Errorf("no sign of life for too long: %s", got)
	}
	if err := l.alive(t.Context(), clock(f.Now())); err != nil {
		t.Fatal(err)
	}
	if got := life(); got != Unknown {
		t.Errorf("after a sign of life: %s", got)
	}
	if err := l.Save(t.Context(), aState(5)); err != nil {
		t.Errorf("a sign of life is in the way of the next save: %v", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := life(); got != Left {
		t.Errorf("its driver left: %s", got)
	}
	bob := lead(t, f, "bob", nil)
	if got := life(); got != Unknown {
		t.Errorf("another took over: %s", got)
	}
	if err := l.alive(t.Context(), ""); err == nil {
		t.Error("a driver that lost the lead spoke for the one that has it")
	}
	bob.stop()
}

func TestName(t *testing.T) {
	long := strings.Repeat("a", 240)
	tests := []struct{ name, want string }{
		{"web", "msa-rollout-deployment-web"},
		{long + "x", ""},
		{long + "y", ""},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		got := Name(rollout.Ref{Kind: "Deployment", Name: tt.name})
		if len(got) > 253 || seen[got] || tt.want != "" && got != tt.want {
			t.Errorf("%s is %s", tt.name, got)
		}
		seen[got] = true
	}
}

func TestTheLeaseIsRenewedInTheBackground(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	l, _, err := Lead(ctx, f, web, "ann", aState(0))
	if err != nil {
		t.Fatal(err)
	}
	cancel() // told to stop, it still leads until it has let go
	first := len(f.seen)
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		f.mu.Lock()
		n := len(f.seen)
		f.mu.Unlock()
		if n > first {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.stop()
	if len(f.seen) == first || f.seen[first] != "PATCH "+leasePath {
		t.Errorf("requests: %q", f.seen)
	}
}
