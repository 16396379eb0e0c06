package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"msa": true, "a": true, "a-1": true, "": false, "A": false, "-a": false, "a-": false, "a/b": false, "..": false, "a b": false,
		"abcdefghijabcdefghijabcdefghij": true, "abcdefghijabcdefghijabcdefghijk": false,
	} {
		if _, err := Open("/base", name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "x.lock")
	if held, err := Held(path); held || err != nil {
		t.Errorf("a lock that does not exist: %v, %v", held, err)
	}
	lock, held, err := TryLock(path)
	if held || err != nil {
		t.Fatalf("first: %v, %v", held, err)
	}
	if _, held, err := TryLock(path); !held || err != nil {
		t.Errorf("second: %v, %v", held, err)
	}
	if held, err := Held(path); !held || err != nil {
		t.Errorf("held: %v, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
	defer cancel()
	if _, err := AcquireLock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a held lock: %v", err)
	}
	lock.Release()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a released lock leaves its file: %v", err)
	}
	again, err := AcquireLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}

func TestWriteAndRead(t *testing.T) {
	dir, err := Open(t.TempDir(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.ReadStatus(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("status of nothing: %v", err)
	}
	if err := os.MkdirAll(dir.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := dir.Write(StatusFile, Status{PID: 7, Steps: []Step{{Name: "up", After: time.Second}}}); err != nil {
		t.Fatal(err)
	}
	got, err := dir.ReadStatus()
	if err != nil || got.PID != 7 || got.Steps[0].After != time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	base := filepath.Dir(filepath.Dir(dir.Path))
	if dirs, err := List(base); err != nil || len(dirs) != 1 || dirs[0] != dir {
		t.Errorf("list: %v, %v", dirs, err)
	}
}
