package box

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// RealNodePossible says whether this process may make namespaces.
func RealNodePossible() bool { return false }

func detached(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// inheritLock lets the supervisor take the lock itself: file locks are not
// inherited here.
func inheritLock(_ *exec.Cmd, alive *os.File) { alive.Close() }

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

// end kills a process and its descendants.
func end(pid int) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(pid)).Run()
}
