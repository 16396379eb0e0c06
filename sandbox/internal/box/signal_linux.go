package box

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Signal is what can be done to a component.
type Signal syscall.Signal

// Freeze stops a component, Thaw lets it go on.
const (
	Freeze = Signal(syscall.SIGSTOP)
	Thaw   = Signal(syscall.SIGCONT)
)

// SignalComponent sends the signal to a component of the supervisor.
func SignalComponent(supervisor int, c state.ComponentStatus, signal Signal) error {
	pid := 0
	if c.PID != 0 {
		pid = childOf(supervisor, c.PID)
	}
	if pid == 0 {
		return fmt.Errorf("%s does not run right now", c.Name)
	}
	if err := syscall.Kill(pid, syscall.Signal(signal)); err != nil {
		return fmt.Errorf("signal %s: %w", c.Name, err)
	}
	return nil
}

// childOf finds the process that has the parent, and the given process id in
// its own PID namespace (proc_pid_status(5), NSpid).
func childOf(parent, inside int) int {
	for _, pid := range processes() {
		body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		ofParent, isInside := false, false
		for line := range strings.Lines(string(body)) {
			key, value, _ := strings.Cut(line, ":")
			fields := strings.Fields(value)
			switch {
			case len(fields) == 0:
			case key == "PPid":
				ofParent = fields[0] == strconv.Itoa(parent)
			case key == "NSpid":
				isInside = fields[len(fields)-1] == strconv.Itoa(inside)
			}
		}
		if ofParent && isInside {
			return pid
		}
	}
	return 0
}
