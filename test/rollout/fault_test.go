package rollout_test

import (
	"fmt"
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

// One request goes wrong, at any point: the rollout ends as planned all the
// same, or the driver says why it stopped and the next one ends it.
func TestFaultsAtEveryRequest(t *testing.T) {
	for i, p := range plans()[:2] {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			t.Run("recorded", func(t *testing.T) { writes = recorded(t, p) })
			for j, f := range faults() {
				for k := 1; k <= writes; k++ {
					// Without the whole product each fault meets one write, and over both plans each write some fault.
					if !all() && k != 1+(2*j+i)%writes {
						continue
					}
					t.Run(fmt.Sprintf("%02d %s", k, f), func(t *testing.T) {
						t.Parallel()
						fault(t, p, proxy.ClassWrite, k, f)
					})
				}
			}
			for j, f := range faults() {
				// Reads as well: in the plan, and while it goes on.
				for _, k := range []int{1 + 2*j, 60 + 3*j} {
					if !all() && (i+j)%2 != 0 {
						continue
					}
					t.Run(fmt.Sprintf("read %02d %s", k, f), func(t *testing.T) {
						t.Parallel()
						fault(t, p, proxy.ClassRead, k, f)
					})
				}
			}
		})
	}
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
