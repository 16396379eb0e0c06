package cluster

import (
	"io/fs"
	"path/filepath"
	"testing"
)

// DependsOn tells Go's test cache what a test depends on beyond its own
// packages: programs that it builds and runs as processes. `go test` notes the
// folders a test reads and runs it again once a file in them has changed; a run
// in which nothing changed is answered from the cache.
func DependsOn(t testing.TB, folders ...string) {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatalf("look at what the test depends on: %v", err)
		}
	}
}
