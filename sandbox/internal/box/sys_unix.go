//go:build unix && !linux

package box

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// RealNodePossible says whether this process may make namespaces.
func RealNodePossible() bool { return false }

func detached(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func inheritLock(cmd *exec.Cmd, alive *os.File) { cmd.ExtraFiles = []*os.File{alive} }

// findSupervisor takes the process id from the supervisor's own status; the
// lock says whether it still lives.
func findSupervisor(dir state.Dir) int {
	status, err := dir.ReadStatus()
	if alive, errAlive := Alive(dir); err != nil || errAlive != nil || !alive {
		return 0
	}
	return status.PID
}

// lives leaves the answer to the lock.
func lives(int) bool { return false }

// end kills a process and its group, which holds the components.
func end(pid int) error {
	for _, target := range []int{-pid, pid} {
		if err := syscall.Kill(target, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
