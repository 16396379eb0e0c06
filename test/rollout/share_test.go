package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

const (
	// fewest requests tell a share apart from another.
	fewest = 500
	// lag is what kube-proxy may take to follow the endpoints.
	lag = 1500 * time.Millisecond
)

// At each step the new version gets the share that the step says it can have.
// Each request takes a connection of its own: a Service shares out connections.
func TestObservedShare(t *testing.T) {
	for _, n := range []int{3, 5} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) {
			t.Parallel()
			c := open(t, heavy)
			s := stage.New(t, c, stage.Options{Replicas: n})
			run := load.Start(t, c, s.URL(), load.Options{Rate: rate})
			r := do(t, s, canary(s, "20,50,75,100", "--gate", "time=7s")...)
			wantCode(t, "canary", r, codeDone)
			sum := wantNoLoss(t, run)
			steps := 0
			for _, w := range windows(r.Events) {
				all, got := sum.Share(w.from, w.to, "v2")
				if all < fewest {
					t.Errorf("step %d: only %d requests between %s and %s", w.step, all, w.from, w.to)
				}
				low, high := load.Interval(all, float64(w.reachable/rollout.All))
				t.Logf("step %d: asked %s %%, reachable %s %%, endpoints %s %%: %d of %d requests, 99 %% interval %d to %d", w.step, w.asked, w.reachable, w.observed, got, all, low, high)
				if got < low || got > high {
					t.Errorf("step %d: the new version got %d of %d requests, want %d to %d", w.step, got, all, low, high)
				}
				if w.observed != w.reachable {
					t.Errorf("step %d: endpoints give %s %%, reachable is %s %%", w.step, w.observed, w.reachable)
				}
				steps++
			}
			if steps != 4 {
				t.Errorf("%d steps were judged, want 4", steps)
			}
		})
	}
}

// window is the time in which a step's level stood.
type window struct {
	step                       int
	asked, reachable, observed rollout.Weight
	from, to                   time.Time
}

// windows are from when a step's level was reached until the next write.
func windows(events []driver.Seen) []window {
	var all []window
	open := false
	for _, e := range events {
		switch {
		case e.Phase == rollout.Judging && !open:
			all = append(all, window{step: e.Step, asked: e.Asked, reachable: e.Reachable, observed: e.Observed, from: e.Came.Add(lag)})
			open = true
		case open && e.Phase != rollout.Judging:
			all[len(all)-1].to = e.Came
			open = false
		}
	}
	return all
}
