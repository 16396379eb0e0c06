// Package oracle runs programs made of other projects' code, to be asked what
// they make of something. Each is a Go module of its own, built by the test.
package oracle

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build builds the program of the module in a folder, and returns its path. It
// skips the test under -short: the first build takes minutes.
func Build(t testing.TB, folder string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds " + filepath.Base(folder))
	}
	binary := filepath.Join(t.TempDir(), filepath.Base(folder))
	build := exec.Command("go", "build", "-C", folder, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	return binary
}

// Start starts a program, and returns its standard input and output. It ends with
// the test, as its input does; that it ends in an error fails the test.
func Start(t testing.TB, binary string) (io.Writer, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with: %v", filepath.Base(binary), err)
		}
	})
	return in, bufio.NewReader(out)
}

// Prometheus starts the program of test/upstream/promql with what it is to be,
// and returns its address.
func Prometheus(t testing.TB, binary string, is any) string {
	t.Helper()
	in, out := Start(t, binary)
	if err := json.NewEncoder(in).Encode(is); err != nil {
		t.Fatal(err)
	}
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}
