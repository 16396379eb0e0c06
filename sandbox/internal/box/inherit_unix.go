//go:build unix

package box

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// LockInherited says that a supervisor gets its lock from its starter.
const LockInherited = true

// TakeInherited keeps the inherited files from the components, and returns the
// listener if there is one. The lock file stays open for the process's life.
func TakeInherited(lock, listener int) (net.Listener, error) {
	syscall.CloseOnExec(lock)
	syscall.CloseOnExec(listener)
	var stat syscall.Stat_t
	if syscall.Fstat(listener, &stat) != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return nil, nil
	}
	f := os.NewFile(uintptr(listener), "api-listener")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("supervise: the API's listener: %w", err)
	}
	return l, nil
}
