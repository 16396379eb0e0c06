package rollout_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/proxy"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// all says that every point is to be tried, with MSA_ROLLOUT_ALL=1; otherwise a sample is.
func all() bool { return os.Getenv("MSA_ROLLOUT_ALL") != "" }

// sampled is how far apart the points of a sample are. It begins at a point that
// differs from plan to plan.
const sampled = 9

// plan is a rollout that is killed, and how it ends when nobody kills it.
type plan struct {
	name    string
	stage   stage.Options
	command func(*stage.Stage) []string
	// end and code are how it ends by itself.
	end  rollout.Phase
	code int
}

func plans() []plan {
	return []plan{
		{
			name:    "canary",
			stage:   stage.Options{Replicas: 2},
			command: func(s *stage.Stage) []string { return canary(s, "50,100") },
			end:     rollout.Promoted, code: codeDone,
		},
		{
			name:    "bluegreen",
			stage:   stage.Options{Replicas: 2, Bare: true},
			command: func(s *stage.Stage) []string { return bluegreen(s, "--keep", "2s") },
			end:     rollout.Promoted, code: codeDone,
		},
		{
			name:    "canary that fails",
			stage:   stage.Options{Replicas: 2, Bare: true},
			command: func(s *stage.Stage) []string { return canary(s, "50,100", "--gate", "command=false") },
			end:     rollout.Aborted, code: codeRolledBack,
		},
		{
			name:    "bluegreen that fails",
			stage:   stage.Options{Replicas: 2},
			command: func(s *stage.Stage) []string { return bluegreen(s, "--gate", "command=false") },
			end:     rollout.Aborted, code: codeRolledBack,
		},
		{
			name:    "statefulset",
			stage:   stage.Options{Kind: "StatefulSet", Replicas: 2},
			command: func(s *stage.Stage) []string { return canary(s, "50,100") },
			end:     rollout.Promoted, code: codeDone,
		},
	}
}

// However a driver dies at a write, before the API server has it or after, the
// next one reaches the end that was planned, and an abort gives back every
// object as it was. Requests are answered all the while.
func TestKilledAtEveryWrite(t *testing.T) {
	for i, p := range plans() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			t.Run("recorded", func(t *testing.T) { writes = len(recorded(t, p)) })
			for k := 1; k <= writes; k++ {
				if !all() && k%sampled != (2*i+3)%sampled {
					continue
				}
				for _, forward := range []bool{false, true} {
					f := proxy.Fault{Kind: proxy.Kill, Forward: forward}
					for _, then := range []string{"resume", "abort"} {
						t.Run(fmt.Sprintf("%02d %s, %s", k, f, then), func(t *testing.T) {
							t.Parallel()
							kill(t, p, k, f, then)
						})
					}
				}
			}
		})
	}
}

// recorded runs a plan to its end and gives its writes.
func recorded(t *testing.T, p plan) []proxy.Request {
	t.Helper()
	c := open(t, light)
	s := stage.New(t, c, p.stage)
	want := p.wanted(t, s)
	through := proxy.Start(t, c.Config())
	r := driver.Start(t, through.Kubeconfig(t), s.NS, p.command(s)...).Wait(t, patience)
	wantCode(t, p.name, r, p.code)
	wantObjects(t, s, p.name, want)
	writes := through.Writes()
	t.Logf("%d writes:\n%s", len(writes), list(writes))
	return writes
}

// wanted is how a plan leaves the objects.
func (p plan) wanted(t *testing.T, s *stage.Stage) stage.Objects {
	t.Helper()
	if p.end == rollout.Promoted {
		return promoted(t, s)
	}
	return s.Snapshot(t)
}

func kill(t *testing.T, p plan, k int, f proxy.Fault, then string) {
	c := open(t, light)
	s := stage.New(t, c, p.stage)
	before, end := s.Snapshot(t), p.wanted(t, s)
	run := load.Start(t, c, s.URL(), load.Options{Rate: 20})
	through := proxy.Start(t, c.Config())
	hit := through.Inject(proxy.ClassWrite, k, f)
	d := driver.Start(t, through.Kubeconfig(t), s.NS, p.command(s)...)
	through.OnKill(d.Kill)
	first := d.Wait(t, patience)
	t.Logf("killed at:\n%s", list(through.Writes()))
	if first.Code >= 0 {
		// This run needed fewer writes than the one that was recorded.
		wantCode(t, p.name, first, p.code)
		wantObjects(t, s, p.name, end)
		wantNoLoss(t, run)
		return
	}
	<-hit
	settle(t, p, s, then, before, end)
	wantNoLoss(t, run)
}

// settle takes the rollout of a driver that died to an end.
func settle(t *testing.T, p plan, s *stage.Stage, then string, before, end stage.Objects) {
	t.Helper()
	st, ok := statusOf(t, s)
	switch {
	case !ok:
		// Nothing was written down, so nothing can have been changed, and nothing may stand in the way of another try.
		wantObjects(t, s, "killed before the journal was", before)
		if then == "abort" {
			return
		}
		lapse(t, s)
		wantCode(t, "another try", do(t, s, p.command(s)...), p.code)
		wantObjects(t, s, "another try", end)
	case st.Rollout.Phase.Over():
		// Only the lead was not given away any more.
		wantObjects(t, s, "killed at the very end", end)
		again, code := p.command(s), p.code
		if p.end == rollout.Promoted {
			again, code = []string{"undo", s.Target()}, codeDone
		}
		lapse(t, s)
		wantCode(t, "another rollout", do(t, s, again...), code)
	case then == "resume":
		wantCode(t, then, do(t, s, resume(s)...), p.code)
		wantObjects(t, s, then, end)
	default:
		wantCode(t, then, do(t, s, then, s.Target()), codeDone)
		wantObjects(t, s, then, before)
	}
	if st, ok := statusOf(t, s); ok && !st.Rollout.Phase.Over() {
		t.Errorf("the status is still %s", st.Rollout.Phase)
	}
	if who := holder(t.Context(), t, s); who != "" {
		t.Errorf("%s still holds the lease", who)
	}
}

// lapse waits until the lease of a driver that died holds no more.
func lapse(t *testing.T, s *stage.Stage) {
	t.Helper()
	s.C.WaitFor(t, "the lease to run out", time.Minute, func(ctx context.Context) (bool, string, error) {
		leases, err := s.C.Typed().CoordinationV1().Leases(s.NS).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		for _, l := range leases.Items {
			until := l.Spec.RenewTime.Add(time.Duration(*l.Spec.LeaseDurationSeconds+2) * time.Second)
			if *l.Spec.HolderIdentity != "" && time.Now().Before(until) {
				return false, *l.Spec.HolderIdentity, nil
			}
		}
		return true, "", nil
	})
}

func list(requests []proxy.Request) string {
	var b strings.Builder
	for _, r := range slices.Clone(requests) {
		fmt.Fprintf(&b, "  %s %s\n", r.At.UTC().Format("15:04:05.000"), r)
	}
	return b.String()
}
