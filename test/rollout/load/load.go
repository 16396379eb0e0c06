// Package load runs the sample shop's load generator inside a sandbox's network
// while a test does something, and reads what it found.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// bound is the longest run that the generator allows.
const bound = 10 * time.Minute

// Options is how the requests are sent.
type Options struct {
	// Rate is in requests per second.
	Rate      int
	KeepAlive bool
}

// String names the options in a few words.
func (o Options) String() string {
	if o.KeepAlive {
		return fmt.Sprintf("%d rps, keep-alive", o.Rate)
	}
	return fmt.Sprintf("%d rps, a connection each", o.Rate)
}

// Run is a generator at work.
type Run struct {
	Options
	pid     int
	started time.Time
	out     []byte
	err     error
	ended   chan struct{}
}

// Start begins to send and returns once the generator runs.
func Start(t testing.TB, c *cluster.Cluster, url string, o Options) *Run {
	t.Helper()
	generator := program(t)
	// kube-proxy follows the endpoints; what is refused before it has is not what a test asks about.
	c.WaitFor(t, url+" to answer", time.Minute, func(context.Context) (bool, string, error) {
		_, err := c.Run(t, generator, "-q", "-rate", "50", "-duration", "500ms", "-keepalive=false", url)
		return err == nil, fmt.Sprint(err), nil
	})
	r := &Run{Options: o, ended: make(chan struct{})}
	note := filepath.Join(t.TempDir(), "pid")
	// The shell becomes the generator, so the number that it writes is the generator's.
	command := []string{
		"sh", "-c", `echo $$ >"$0.part" && mv "$0.part" "$0" && exec "$@"`, note, generator, "-o", "json", "-q", "-timeout", "20s", "-in-flight", strconv.Itoa(20 * o.Rate),
		"-rate", strconv.Itoa(o.Rate), "-duration", bound.String(), "-keepalive=" + strconv.FormatBool(o.KeepAlive), url,
	}
	go func() {
		defer close(r.ended)
		r.out, r.err = c.Run(t, command...)
	}()
	for {
		text, err := os.ReadFile(note)
		if err == nil {
			r.started = time.Now()
			if r.pid, err = strconv.Atoi(string(bytes.TrimSpace(text))); err != nil {
				t.Fatalf("load: %v", err)
			}
			return r
		}
		select {
		case <-r.ended:
			t.Fatalf("load: %v", r.err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop ends the run and gives what it found.
func (r *Run) Stop(t testing.TB) Summary {
	t.Helper()
	select {
	case <-r.ended:
		t.Fatalf("load: ended before it was told to: %v", r.err)
	default:
	}
	if err := syscall.Kill(r.pid, syscall.SIGINT); err != nil {
		t.Fatalf("load: %v", err)
	}
	<-r.ended
	s := Summary{Started: r.started}
	if err := json.Unmarshal(r.out, &s); err != nil {
		t.Fatalf("load: %v: %s: %v", err, r.out, r.err)
	}
	return s
}

var (
	once  sync.Once
	built string
)

// program builds the generator once in a test binary's life.
func program(t testing.TB) string {
	t.Helper()
	once.Do(func() {
		cluster.DependsOn(t, filepath.Join("sandbox", "shop"))
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("load generator: %v", err)
		}
		path := filepath.Join(cache, "kubectl-msa", "sandbox", "driver", "load")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("load generator: %v", err)
		}
		part := fmt.Sprintf("%s.%d", path, os.Getpid())
		build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(workshop.Root(t), "sandbox", "shop"), "-buildvcs=false", "-o", part, "./cmd/load")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build the load generator: %v\n%s", err, out)
		}
		if err := os.Rename(part, path); err != nil {
			t.Fatalf("load generator: %v", err)
		}
		built = path
	})
	if built == "" {
		t.Fatal("the load generator could not be built")
	}
	return built
}
