package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Builder builds components into a cache.
type Builder struct {
	// Components is the directory that holds the components' modules.
	Components string
	// Cache holds one directory per component and hash.
	Cache string
	// Log is told what a slow build is doing.
	Log io.Writer
	// Every is the time between two lines of progress.
	Every time.Duration
}

// Bin is a built component.
type Bin struct {
	Dir     string `json:"dir"`
	Version string `json:"version"`
}

// Build returns where the component's binaries are, building them if the
// cache does not hold them. A build that dies leaves nothing that a later one
// would take for whole.
func (b Builder) Build(ctx context.Context, name Name) (Bin, error) {
	c, err := Load(b.Components, name)
	if err != nil {
		return Bin{}, err
	}
	hash, err := c.Hash()
	if err != nil {
		return Bin{}, err
	}
	bin := Bin{Dir: filepath.Join(b.Cache, string(name)+"-"+hash), Version: c.Version}
	if built(bin.Dir) {
		return bin, nil
	}
	lock, err := state.AcquireLock(ctx, bin.Dir+".lock")
	if err != nil {
		return Bin{}, fmt.Errorf("component %s: %w", name, err)
	}
	defer lock.Release()
	if built(bin.Dir) {
		return bin, nil
	}
	return bin, b.compile(ctx, c, bin.Dir)
}

func built(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

func (b Builder) compile(ctx context.Context, c Component, dir string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("component %s is not built yet, and building it needs the Go toolchain on PATH: %w", c.Name, err)
	}
	part := dir + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return fmt.Errorf("component %s: %w", c.Name, err)
	}
	defer os.RemoveAll(part)
	args := append([]string{"build", "-v"}, c.args()...)
	args = append(args, "-o", part+string(filepath.Separator))
	cmd := exec.CommandContext(ctx, "go", append(args, c.packages()...)...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("component %s: %w", c.Name, err)
	}
	start := time.Now()
	fmt.Fprintf(b.Log, "building %s %s (the first build takes minutes)\n", c.Name, c.Version)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("component %s: %w", c.Name, err)
	}
	tail := b.follow(stderr, c.Name, start)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("component %s: go build: %w\n%s", c.Name, err, tail)
	}
	if err := os.Rename(part, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("component %s: %w", c.Name, err)
	}
	fmt.Fprintf(b.Log, "built %s %s in %s\n", c.Name, c.Version, time.Since(start).Round(time.Second))
	return nil
}

// follow counts the packages that `go build -v` names, says from time to time
// how far it is, and returns the last lines that are not package names.
func (b Builder) follow(stderr io.Reader, name Name, start time.Time) string {
	var packages atomic.Int64
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(b.Every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				fmt.Fprintf(b.Log, "building %s: %d packages compiled, %s elapsed\n", name, packages.Load(), time.Since(start).Round(time.Second))
			}
		}
	}()
	var tail []string
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !strings.ContainsAny(line, " \t:") {
			packages.Add(1)
			continue
		}
		tail = append(tail, line)
		if len(tail) > 30 {
			tail = tail[1:]
		}
	}
	return strings.Join(tail, "\n")
}
