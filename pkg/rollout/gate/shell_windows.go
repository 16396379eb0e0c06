//go:build windows

package gate

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// shell gives the line to cmd.exe as it is: with /s it takes all between the
// first and the last quote, and does no quoting of its own.
func shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CmdLine:       `cmd.exe /d /s /c "` + line + `"`,
		CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP,
	}
	return cmd
}

// Windows has no way to ask a process without a window to end.
func askGroupToEnd(cmd *exec.Cmd) error {
	endGroup(cmd)
	return nil
}

// endGroup ends the process with all that it started.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
	}
}
