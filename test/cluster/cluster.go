// Package cluster gives tests a real Kubernetes: the project's sandbox,
// brought up once and shared by every test package. It stays up when a test
// binary ends, so that the next one finds it; `sandbox --name test down` (or
// `make test`, at its end) takes it away.
//
// Environment: MSA_SANDBOX names the sandbox (default "test"),
// MSA_SANDBOX_BIN names a ready-built sandbox program, and with
// MSA_SANDBOX_VERBOSE set, the tests show how the sandbox comes up.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// UserAgent is how the helper's own requests appear in the audit log.
const UserAgent = "msa-test-helper"

// Cluster is one running sandbox.
type Cluster struct {
	// Name is the sandbox's.
	Name string

	program    string
	kubeconfig string
	config     *rest.Config
	typed      kubernetes.Interface
	dynamic    dynamic.Interface
	mapper     *restmapper.DeferredDiscoveryRESTMapper
}

// Get returns the shared sandbox with a real node, and brings it up if it is
// not. It skips the test under -short, and where no real node is possible.
func Get(t testing.TB) *Cluster {
	t.Helper()
	skipShort(t)
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("needs a real node, which needs root on Linux")
	}
	return up(t, name(), "up")
}

// GetFakeNodes returns a sandbox that has n fake nodes and no real one: pods
// are scheduled and become Ready, but no container runs. It needs no root.
func GetFakeNodes(t testing.TB, n int) *Cluster {
	t.Helper()
	skipShort(t)
	return up(t, fmt.Sprintf("%s-fake-%d", name(), n), "up", "--control-plane-only", fmt.Sprintf("--fake-nodes=%d", n))
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the sandbox, which -short leaves out")
	}
}

func name() string {
	if n := os.Getenv("MSA_SANDBOX"); n != "" {
		return n
	}
	return "test"
}

// program builds the sandbox program once in a test binary's life.
var program = sync.OnceValues(buildProgram)

func buildProgram() (string, error) {
	if path := os.Getenv("MSA_SANDBOX_BIN"); path != "" {
		return path, nil
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for the sandbox program: %w", err)
	}
	dir := filepath.Join(cache, "kubectl-msa", "sandbox", "driver")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("sandbox program: %w", err)
	}
	// Several test binaries may build at once: each its own file, then one
	// atomic change of name.
	part, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", fmt.Errorf("sandbox program: %w", err)
	}
	defer os.RemoveAll(part)
	cmd := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", part+string(filepath.Separator), "./cmd/sandbox")
	cmd.Dir = filepath.Join(root, "sandbox")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the sandbox program: %w\n%s", err, out)
	}
	built := "sandbox"
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	path := filepath.Join(dir, built)
	if err := os.Rename(filepath.Join(part, built), path); err != nil {
		return "", fmt.Errorf("sandbox program: %w", err)
	}
	return path, nil
}

// repository walks up from the working directory, which go test sets to that
// of the package, to the directory that holds the sandbox.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "sandbox", "components", "kubernetes", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the repository: no directory above holds sandbox/components")
		}
		dir = filepath.Dir(dir)
	}
}

func up(t testing.TB, name string, args ...string) *Cluster {
	t.Helper()
	DependsOn(t, "sandbox")
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Name: name, program: path}
	cmd := c.command(t, args...)
	if root, err := repository(); err == nil {
		cmd.Dir = root
	}
	var errOut strings.Builder
	cmd.Stderr = &errOut
	if os.Getenv("MSA_SANDBOX_VERBOSE") != "" {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("sandbox %s: %v\n%s", name, err, errOut.String())
	}
	c.kubeconfig = strings.TrimSpace(string(c.sandbox(t, "kubeconfig", "--path")))
	if err := c.connect(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return fmt.Errorf("sandbox %s: %w", c.Name, err)
	}
	config.UserAgent = UserAgent
	config.QPS, config.Burst = 200, 400
	c.config = config
	if c.typed, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("sandbox %s: %w", c.Name, err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("sandbox %s: %w", c.Name, err)
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.typed.Discovery()))
	return nil
}

// command is a run of the sandbox program against this sandbox.
func (c *Cluster) command(t testing.TB, args ...string) *exec.Cmd {
	return exec.CommandContext(t.Context(), c.program, append([]string{"--name", c.Name}, args...)...)
}

// sandbox runs the sandbox program and returns what it wrote to its output.
func (c *Cluster) sandbox(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := c.command(t, args...).Output()
	if err != nil {
		t.Fatalf("sandbox %s: %v", strings.Join(args, " "), explain(err))
	}
	return out
}

// explain adds what a program wrote to its standard error.
func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
