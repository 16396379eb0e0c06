package rollout_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/proxy"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// Of two drivers that start at once exactly one leads, and the other says who does.
func TestTwoDrivers(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	want := promoted(t, s)
	drivers := []*driver.Driver{drive(t, s, canary(s, "50,100", "--gate", "time=5s")), drive(t, s, canary(s, "50,100", "--gate", "time=5s"))}
	who := ""
	c.WaitFor(t, "one to leave", patience, func(ctx context.Context) (bool, string, error) {
		if h := holder(ctx, t, s); h != "" {
			who = h
		}
		return drivers[0].Gone() || drivers[1].Gone(), "", nil
	})
	leader, other := drivers[0], drivers[1]
	if leader.Gone() {
		leader, other = other, leader
	}
	r := other.Wait(t, patience)
	wantCode(t, "the second driver", r, codeConflict)
	// The lease's holder is the driver's name and a number.
	if name, _, ok := strings.Cut(who, " "); !ok || !strings.Contains(r.Stderr, name) {
		t.Errorf("the second driver does not name %q: %s", who, r.Stderr)
	}
	wantCode(t, "the leader", leader.Wait(t, patience), codeDone)
	wantObjects(t, s, "led by one", want)
}

// A driver that slept longer than its lease lasts, while another took over,
// leaves without a write. The write that it was about to make when it fell
// asleep reaches the API server after the other's, and must not be taken.
func TestStoppedDriverCannotWrite(t *testing.T) {
	for _, k := range []int{0, 4, 5, 6, 7, 8, 9, 10} {
		t.Run(fmt.Sprintf("asleep in write %d", k), func(t *testing.T) {
			t.Parallel()
			c := open(t, light)
			s := stage.New(t, c, stage.Options{})
			want := promoted(t, s)
			run := load.Start(t, c, s.URL(), load.Options{Rate: 20})
			through := proxy.Start(t, c.Config())
			late := make(chan struct{})
			if k > 0 {
				through.Inject(proxy.ClassWrite, k, proxy.Fault{Kind: proxy.Hold, Until: late})
			}
			first := driver.Start(t, through.Kubeconfig(t), s.NS, canary(s, "50,100", "--gate", "time=1s", "--pause", "manual")...)
			if k > 0 {
				c.WaitFor(t, fmt.Sprintf("write %d", k), patience, func(context.Context) (bool, string, error) {
					return len(through.Writes()) >= k || first.Gone(), list(through.Writes()), nil
				})
			} else {
				first.Until(t, "the first pause", patience, at(rollout.Paused, 1))
			}
			first.Signal(t, syscall.SIGSTOP)
			// Whoever takes over waits until the lease is over.
			second := drive(t, s, []string{"resume", s.Target()})
			second.Until(t, "a second driver to take over", patience, func(e driver.Seen) bool { return e.Phase != "" })
			woken := time.Now()
			close(late)
			first.Signal(t, syscall.SIGCONT)
			r := first.Wait(t, patience)
			wantCode(t, "the driver that slept", r, codeConflict)
			if r.Stderr == "" {
				t.Error("the driver that slept said nothing")
			}
			through.Idle()
			for _, w := range through.Requests() {
				if w.Class != proxy.ClassRead && (w.At.After(woken) || w.Fault != "") && w.Code < http.StatusBadRequest {
					t.Errorf("the driver that slept wrote: %s %s", w, w.Body)
				}
			}
			if st, ok := statusOf(t, s); ok && !st.Rollout.Phase.Over() && second.Gone() {
				second = drive(t, s, []string{"promote", s.Target(), "--full"})
			} else if !second.Gone() {
				do(t, s, "promote", s.Target(), "--full")
			}
			wantCode(t, "the second driver", second.Wait(t, patience), codeDone)
			wantObjects(t, s, "taken over", want)
			wantNoLoss(t, run)
		})
	}
}

// Ctrl-C holds the rollout where it is, says how to go on, and gives the lead
// away, so that the next driver need not wait.
func TestInterrupted(t *testing.T) {
	for _, phase := range []rollout.Phase{rollout.Shifting, rollout.Judging, rollout.Releasing} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			c := open(t, light)
			s := stage.New(t, c, stage.Options{})
			want := promoted(t, s)
			run := load.Start(t, c, s.URL(), load.Options{Rate: 20})
			d := drive(t, s, canary(s, "50,100", "--gate", "time=2s"))
			d.Until(t, string(phase), patience, func(e driver.Seen) bool { return e.Phase == phase })
			d.Signal(t, syscall.SIGINT)
			r := d.Wait(t, patience)
			wantCode(t, "interrupted", r, codeInterrupted)
			if !strings.Contains(r.Stderr, "resume") {
				t.Errorf("it does not say how to go on: %s", r.Stderr)
			}
			if st, ok := statusOf(t, s); !ok || st.Rollout.Phase != r.Last().Phase {
				t.Errorf("the status is %s, the last event %+v", st.Rollout.Phase, r.Last())
			}
			if who := holder(t.Context(), t, s); who != "" {
				t.Errorf("%s still holds the lease", who)
			}
			wantCode(t, "resume", do(t, s, "resume", s.Target()), codeDone)
			wantObjects(t, s, "resumed", want)
			wantNoLoss(t, run)
		})
	}
}
