package box

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// RunInside replaces this process with a command that lives in the sandbox's
// network and asks its DNS, but sees the files of this machine. It only
// returns when it fails.
func RunInside(supervisor int, resolvConf string, args, env []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	// The namespaces are the thread's, and exec takes them from the thread
	// that calls it.
	runtime.LockOSThread()
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", supervisor))
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("run: enter the network: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err == nil {
		err = unix.Mount(resolvConf, target, "", unix.MS_BIND, "")
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("run: name server: %w", err)
	}
	if err := syscall.Exec(path, args, env); err != nil {
		return fmt.Errorf("run: %s: %w", path, err)
	}
	return nil
}
