package rollout_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// Exit codes of rollouts.
const (
	codeDone        = 0
	codeFailed      = 1
	codeRefused     = 3
	codeRolledBack  = 5
	codePaused      = 7
	codeConflict    = 8
	codeInterrupted = 130
)

// newImage asks for the second version.
func newImage() []string { return []string{"--image", stage.Name + "=" + stage.Image("v2")} }

// canary is the command line of a canary in the given steps.
func canary(s *stage.Stage, steps string, more ...string) []string {
	return slices.Concat([]string{"canary", s.Target()}, newImage(), []string{"--steps", steps}, more)
}

// bluegreen is the command line of a blue-green rollout.
func bluegreen(s *stage.Stage, more ...string) []string {
	return slices.Concat([]string{"bluegreen", s.Target()}, newImage(), more)
}

// resume goes on with a rollout, and agrees to the commands of its gates.
func resume(s *stage.Stage) []string { return []string{"resume", s.Target(), "--allow-gates"} }

// promoted is how the objects are once kubectl has set the image.
func promoted(t *testing.T, s *stage.Stage) stage.Objects {
	t.Helper()
	return s.Would(t, "set", "image", s.Target(), stage.Name+"="+stage.Image("v2"))
}

// wantCode fails the test with all that the driver told where the code is another.
func wantCode(t *testing.T, what string, r driver.Result, code int) {
	t.Helper()
	if r.Code != code {
		t.Fatalf("%s: exit code %d, want %d: %s", what, r.Code, code, r.Stderr)
	}
}

// wantObjects compares the objects as they are, and looks for what a rollout must not leave behind.
func wantObjects(t *testing.T, s *stage.Stage, what string, want stage.Objects) {
	t.Helper()
	if diff := s.Snapshot(t).Differs(want); diff != "" {
		t.Errorf("%s: the objects are not as they should be (- want, + got):\n%s", what, diff)
	}
}

// wantNoLoss ends the load and fails the test for each lost request.
func wantNoLoss(t *testing.T, run *load.Run) load.Summary {
	t.Helper()
	sum := run.Stop(t)
	t.Logf("%s: %s", run.Options, sum)
	if sum.Failed > 0 {
		t.Errorf("%s: lost:%s", run.Options, sum.Lost())
	}
	return sum
}

// do runs a command of rollout to its end, beside whoever drives.
func do(t *testing.T, s *stage.Stage, args ...string) driver.Result {
	t.Helper()
	return driver.Start(t, s.C.Kubeconfig(), s.NS, args...).Wait(t, patience)
}

// drive starts a driver with the administrator's own kubeconfig.
func drive(t *testing.T, s *stage.Stage, args []string) *driver.Driver {
	t.Helper()
	return driver.Start(t, s.C.Kubeconfig(), s.NS, args...)
}

// statusOf asks for the status; ok is false where there is no rollout.
func statusOf(t *testing.T, s *stage.Stage) (st render.RolloutReport, ok bool) {
	t.Helper()
	got := workshop.Run(t, s.C.Kubeconfig(), "rollout", "status", s.Target(), "-n", s.NS, "-o", "json")
	if got.Code != codeDone {
		if !strings.Contains(got.Stderr, "nothing is written down") {
			t.Errorf("status: exit code %d: %s", got.Code, got.Stderr)
		}
		return st, false
	}
	if err := json.Unmarshal([]byte(got.Stdout), &st); err != nil {
		t.Errorf("status: %v: %s", err, got.Stdout)
	}
	return st, true
}

// at is true for the first event in which the phase and the step, counted from 1, are reached.
func at(phase rollout.Phase, step int) func(driver.Seen) bool {
	return func(e driver.Seen) bool { return e.Phase == phase && e.Step == step }
}

// holder is who holds the lease of the stage's rollout.
func holder(ctx context.Context, t *testing.T, s *stage.Stage) string {
	t.Helper()
	leases, err := s.C.Typed().CoordinationV1().Leases(s.NS).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leases.Items {
		if l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != "" {
			return *l.Spec.HolderIdentity
		}
	}
	return ""
}

// driverOutput is what a command of rollout writes to its standard output with -o json.
func driverOutput(t *testing.T, s *stage.Stage, args ...string) string {
	t.Helper()
	got := workshop.Run(t, s.C.Kubeconfig(), append(append([]string{"rollout"}, args...), "-n", s.NS, "-o", "json")...)
	if got.Code != codeDone {
		t.Fatalf("%v: exit code %d: %s", args, got.Code, got.Stderr)
	}
	return got.Stdout
}
