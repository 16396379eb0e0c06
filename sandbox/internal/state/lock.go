package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// errHeld says that another process holds the lock.
var errHeld = errors.New("held by another process")

// Lock is an exclusive lock on a file. The kernel lets go of it when the last
// process that has the file open dies, however it dies.
type Lock struct {
	File *os.File
}

// TryLock takes the lock or reports at once that it is held.
func TryLock(path string) (lock Lock, held bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Lock{}, false, fmt.Errorf("lock %s: %w", path, err)
	}
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return Lock{}, false, fmt.Errorf("lock %s: %w", path, err)
		}
		if err := lockFile(f); err != nil {
			f.Close()
			if errors.Is(err, errHeld) {
				return Lock{}, true, nil
			}
			return Lock{}, false, fmt.Errorf("lock %s: %w", path, err)
		}
		if sameFile(f, path) {
			return Lock{File: f}, false, nil
		}
		// The file was removed by its last holder between open and lock.
		f.Close()
	}
}

func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// AcquireLock waits for the lock until the context ends.
func AcquireLock(ctx context.Context, path string) (Lock, error) {
	for {
		lock, held, err := TryLock(path)
		if err != nil || !held {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return Lock{}, fmt.Errorf("lock %s: another process holds it: %w", path, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Release removes the lock file and lets go of it.
func (l Lock) Release() {
	os.Remove(l.File.Name())
	l.File.Close()
}

// Held says whether some process holds the lock. A missing file is not held,
// and looking does not create one.
func Held(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	defer f.Close()
	err = lockFile(f)
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}
