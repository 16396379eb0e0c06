//go:build unix

package gate

import (
	"context"
	"os/exec"
	"syscall"
)

// shell runs the line in a process group of its own: Ctrl-C in the terminal is
// for the driver, which ends the group when it is to end.
func shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func askGroupToEnd(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

// endGroup ends what is left of the group; that nothing is, is fine.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
