package box

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// RealNodePossible says whether this process may make namespaces.
func RealNodePossible() bool { return os.Geteuid() == 0 }

// detached starts the supervisor apart from its starter: as process 1 of
// namespaces of its own, or at least in a session of its own.
func detached(realNode bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if realNode {
		attr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	}
	return attr
}

func inheritLock(cmd *exec.Cmd, alive *os.File) { cmd.ExtraFiles = []*os.File{alive} }

// processes lists the ids of all processes that this one can see.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var ids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, pid)
		}
	}
	return ids
}

// findSupervisor looks for the sandbox's supervisor among the processes; it
// returns 0 when there is none. Unlike a stored process id this cannot point
// at a stranger, and it also finds a supervisor that has stored nothing yet.
func findSupervisor(dir state.Dir) int {
	for _, pid := range processes() {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		args := strings.Split(string(cmdline), "\x00")
		if len(args) > 3 && args[1] == SuperviseCommand && slices.Contains(args, dir.Path) {
			return pid
		}
	}
	return 0
}

// lives says whether the supervisor, or a component in its process group,
// exists and is no zombie. A supervisor that is process 1 of its namespace
// becomes a zombie only after everything in there has ended.
func lives(supervisor int) bool {
	entries, err := os.ReadDir("/proc")
	if err != nil || supervisor == 0 {
		return false
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// State, parent and group follow the name, which is in brackets and
		// may hold anything (proc_pid_stat(5)).
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 2 && fields[0] != "Z" && (pid == supervisor || fields[2] == strconv.Itoa(supervisor)) {
			return true
		}
	}
	return false
}

// end kills a process and its group: without namespaces the components are in
// the supervisor's group.
func end(pid int) error {
	for _, target := range []int{-pid, pid} {
		if err := syscall.Kill(target, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
