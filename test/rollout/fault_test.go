package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/proxy"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// faults are what may become of a request beside the death of its driver. The
// hang is longer than a lease lasts without renewal, and the cut is as well.
func faults() []proxy.Fault {
	return []proxy.Fault{
		{Kind: proxy.Answer, Status: 409}, {Kind: proxy.Answer, Status: 409, Forward: true},
		{Kind: proxy.Answer, Status: 422}, {Kind: proxy.Answer, Status: 422, Forward: true},
		{Kind: proxy.Answer, Status: 429}, {Kind: proxy.Answer, Status: 429, Forward: true},
		{Kind: proxy.Answer, Status: 500}, {Kind: proxy.Answer, Status: 500, Forward: true},
		{Kind: proxy.Hang, For: time.Minute}, {Kind: proxy.Hang, For: time.Minute, Forward: true},
		{Kind: proxy.Reset}, {Kind: proxy.Reset, Forward: true},
		{Kind: proxy.Cut, For: 4 * time.Second}, {Kind: proxy.Cut, For: 20 * time.Second, Forward: true},
	}
}

// One request goes wrong, at some point: the rollout ends as planned all the
// same, or the driver says why it stopped and the next one ends it.
func TestOneRequestFails(t *testing.T) {
	for i, p := range plans()[:2] {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			t.Run("recorded", func(t *testing.T) { writes = len(recorded(t, p)) })
			for j, f := range faults() {
				// Each fault meets one write, and two reads: in the plan, and while it goes on.
				for of, points := range map[proxy.Class][]int{proxy.ClassWrite: {1 + (2*j+i)%max(writes, 1)}, proxy.ClassRead: {1 + 2*j, 60 + 3*j}} {
					for _, k := range points {
						t.Run(fmt.Sprintf("%s %02d %s", of, k, f), func(t *testing.T) {
							t.Parallel()
							fault(t, p, of, k, f)
						})
					}
				}
			}
		})
	}
}

// Every write goes wrong in every way when it is first tried, several in one
// rollout, and so does every read while it goes on: the rollout ends as planned
// all the same, if need be with the help of further drivers.
func TestFaultsAtEveryRequest(t *testing.T) {
	for i, p := range plans()[:2] {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			var meanings []string
			t.Run("recorded", func(t *testing.T) { meanings = meaningsOf(recorded(t, p)) })
			for j, f := range faults() {
				if !all() && j%4 != i {
					continue
				}
				f.For = min(f.For, 12*time.Second) // longer than a request may last
				if f.Kind == proxy.Cut {
					f.For = 2 * time.Second
				}
				t.Run(f.String(), func(t *testing.T) { faultyWrites(t, p, f, meanings) })
				t.Run("reads "+f.String(), func(t *testing.T) {
					t.Parallel()
					if hit := faulty(t, p, proxy.ClassRead, f, func(string) bool { return true }); len(hit) < 3 {
						t.Errorf("only these reads went wrong: %q", hit)
					}
				})
			}
		})
	}
}

// parts is over how many rollouts the faults at writes are spread: so most writes have neighbours that succeed.
const parts = 3

// faultyWrites lets each write that a rollout needs go wrong in one of several rollouts.
func faultyWrites(t *testing.T, p plan, f proxy.Fault, meanings []string) {
	var mu sync.Mutex
	hit := map[string]bool{}
	for part := range parts {
		t.Run(fmt.Sprint("part ", part), func(t *testing.T) {
			t.Parallel()
			chosen := func(meaning string) bool {
				i := slices.Index(meanings, meaning)
				return i >= 0 && i%parts == part || i < 0 && part == 0 // what only a rollout in trouble writes
			}
			for _, m := range faulty(t, p, proxy.ClassWrite, f, chosen) {
				mu.Lock()
				hit[m] = true
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		var missed []string
		for _, m := range meanings {
			if !hit[m] {
				missed = append(missed, m)
			}
		}
		// Two facts that are seen at the same look are one write; seen one after the other they are two.
		if t.Logf("not written this time: %q", missed); len(missed) > 2 {
			t.Errorf("%d of %d writes never failed", len(missed), len(meanings))
		}
	})
}

// faulty takes a rollout to its end although requests fail, and gives those that did.
func faulty(t *testing.T, p plan, of proxy.Class, f proxy.Fault, chosen func(meaning string) bool) []string {
	c := open(t, light)
	s := stage.New(t, c, p.stage)
	end := p.wanted(t, s)
	run := load.Start(t, c, s.URL(), load.Options{Rate: 20})
	through := proxy.Start(t, c.Config())
	through.InjectEach(of, f, chosen)
	args := p.command(s)
	for lives := 1; ; lives++ {
		r := driver.Start(t, through.Kubeconfig(t), s.NS, args...).Wait(t, 2*patience)
		if r.Code == p.code {
			break
		}
		if r.Stderr == "" || lives == 10 {
			t.Fatalf("life %d: exit code %d, %q, requests:\n%s", lives, r.Code, r.Stderr, list(through.Requests()))
		}
		t.Logf("stopped with %d: %s", r.Code, r.Stderr)
		st, ok := statusOf(t, s)
		if ok && st.Rollout.Phase.Over() {
			break // only its last words went wrong
		}
		if args = resume(s); !ok {
			lapse(t, s)
			args = p.command(s)
		}
	}
	wantObjects(t, s, p.name, end)
	wantNoLoss(t, run)
	t.Logf("went wrong:\n  %s", strings.Join(through.Hit(), "\n  "))
	return through.Hit()
}

// meaningsOf are the meanings of requests, each once, in their order.
func meaningsOf(requests []proxy.Request) []string {
	var all []string
	for _, r := range requests {
		if m := r.Meaning(); !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

func fault(t *testing.T, p plan, of proxy.Class, k int, f proxy.Fault) {
	c := open(t, light)
	s := stage.New(t, c, p.stage)
	end := p.wanted(t, s)
	run := load.Start(t, c, s.URL(), load.Options{Rate: 20})
	through := proxy.Start(t, c.Config())
	through.Inject(of, k, f)
	r := driver.Start(t, through.Kubeconfig(t), s.NS, p.command(s)...).Wait(t, patience)
	if t.Failed() || r.Code != p.code {
		t.Logf("exit code %d, requests:\n%s", r.Code, list(through.Requests()))
	}
	if r.Code != p.code {
		if r.Stderr == "" {
			t.Errorf("exit code %d without a word", r.Code)
		}
		t.Logf("stopped with %d: %s", r.Code, r.Stderr)
		args := resume(s)
		if _, ok := statusOf(t, s); !ok {
			args = p.command(s)
		}
		wantCode(t, args[0], do(t, s, args...), p.code)
	}
	wantObjects(t, s, p.name, end)
	wantNoLoss(t, run)
}

// The API server is killed while a rollout is at work. No other test may run
// meanwhile, so this one is not parallel.
func TestAPIServerRestarted(t *testing.T) {
	c := open(t, heavy)
	for i, p := range plans()[:2] {
		s := stage.New(t, c, p.stage)
		end := p.wanted(t, s)
		run := load.Start(t, c, s.URL(), load.Options{Rate: rate})
		d := drive(t, s, append(p.command(s), "--gate", "time=2s"))
		for j, phase := range []rollout.Phase{rollout.Shifting, rollout.Judging, rollout.Releasing} {
			if !all() && (i+j)%2 != 0 {
				continue // the controllers take their time to come back
			}
			d.Until(t, string(phase), patience, func(e driver.Seen) bool { return e.Phase == phase })
			stage.RestartAPIServer(t, c)
		}
		wantCode(t, p.name, d.Wait(t, patience), p.code)
		wantObjects(t, s, p.name, end)
		wantNoLoss(t, run)
		t.Logf("\n%s", d.Story())
	}
}
