package rollout_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// A command that does not want to end is ended with its driver, also where the
// driver is told twice to leave: nobody else would know of it.
func TestNoCommandOutlivesItsDriver(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	want := promoted(t, s)
	pids := filepath.Join(t.TempDir(), "pids")
	d := drive(t, s, canary(s, "50,100", "--gate", "command=trap '' TERM; sleep 600 & echo $! >"+pids+"; wait; wait"))
	d.Until(t, "the gate to be asked", patience, func(e driver.Seen) bool { return e.Phase == rollout.Judging })
	pid := 0
	for deadline := time.Now().Add(patience); pid == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if b, err := os.ReadFile(pids); err == nil {
			pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		}
	}
	if pid == 0 {
		t.Fatal("the command did not begin")
	}
	d.Signal(t, syscall.SIGINT)
	time.Sleep(100 * time.Millisecond) // two at once may come as one
	d.Signal(t, syscall.SIGINT)
	wantCode(t, "interrupted twice", d.Wait(t, patience), codeInterrupted)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // on a busy machine what is killed dies later
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("the command still runs: %s", b)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			break
		}
	}
	wantCode(t, "promote", do(t, s, "promote", s.Target(), "--full"), codeDone)
	wantObjects(t, s, "promoted", want)
}

// A namespace takes the journal with it. The driver ends, and says what is gone.
func TestNamespaceDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	d := drive(t, s, canary(s, "50,100", "--pause", "manual"))
	d.Until(t, "the pause", patience, func(e driver.Seen) bool { return e.Phase == rollout.Paused })
	err := c.Typed().CoreV1().Namespaces().Delete(t.Context(), s.NS, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	r := d.Wait(t, patience)
	switch {
	case r.Code == codeFailed && strings.Contains(r.Stderr, "cannot be written down any more"):
	case r.Code == codeRolledBack && strings.Contains(r.Stderr, "was deleted, and its rollout is over"):
	default:
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
}
