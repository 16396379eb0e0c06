package large_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/test/large/bare"
)

// The tests start their own binary again in two roles: to run the tool and see
// what it took, and to list what it lists. A process of its own is needed for
// the first as well: what a program held at most is counted on from the one that
// started it, and this test holds the whole cluster.
const (
	roleEnv = "MSA_TEST_ROLE" // "measure", "bare" or "gets"
	costEnv = "MSA_TEST_COST" // the file that the cost is written to
	toolEnv = "MSA_TEST_TOOL" // what "measure" starts
	hostEnv = "MSA_TEST_HOST" // what "bare" lists, and "gets" asks
	thenEnv = "MSA_TEST_THEN" // the role of what "measure" starts, where that is this binary once more: "gets"
	urisEnv = "MSA_TEST_URIS" // what "gets" asks for
)

// cost is what a process took: time, CPU time, and the most memory in bytes.
type cost struct {
	Took, CPU time.Duration
	Peak      int
}

func TestMain(m *testing.M) {
	code, err := 0, error(nil)
	switch os.Getenv(roleEnv) {
	case "measure":
		code, err = measure(os.Getenv(toolEnv), os.Args[1:])
	case "bare":
		err = listBare(os.Getenv(hostEnv))
	case "gets":
		err = getBare(os.Getenv(hostEnv), strings.Fields(os.Getenv(urisEnv)))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// measure runs a program with the streams of this process.
func measure(program string, args []string) (int, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), roleEnv+"="+os.Getenv(thenEnv))
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return 1, fmt.Errorf("run %s: %w", program, err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 1, errors.New("this system does not say what a process took")
	}
	return cmd.ProcessState.ExitCode(), written(cost{
		Took: took, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: int(usage.Maxrss) << 10,
	})
}

// listBare lists twice and tells what the second time took.
func listBare(host string) error {
	config := &rest.Config{Host: host}
	if err := bare.List(context.Background(), config); err != nil {
		return err
	}
	before, began := ownCPU(), time.Now()
	if err := bare.List(context.Background(), config); err != nil {
		return err
	}
	return written(cost{Took: time.Since(began), CPU: ownCPU() - before})
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func written(c cost) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the cost: %w", err)
	}
	return os.WriteFile(os.Getenv(costEnv), data, 0o600)
}

// run starts the tool: what it wrote, and what it took.
func run(t testing.TB, s *server, args ...string) ([]byte, cost) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, s.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return inRole(t, filepath.Join(dir, "cost"), args, roleEnv+"=measure", toolEnv+"="+s.tool(t), "KUBECONFIG="+config)
}

// runBare lists what the tool lists.
func runBare(t testing.TB, s *server) cost {
	t.Helper()
	_, c := inRole(t, filepath.Join(t.TempDir(), "cost"), nil, roleEnv+"=bare", hostEnv+"="+s.URL)
	return c
}

func inRole(t testing.TB, file string, args []string, env ...string) ([]byte, cost) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), env...), costEnv+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, out)
	}
	var c cost
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out, c
}

// tool is the program as a release has it, built once; MSA_TEST_TOOL names one that is there.
func (s *server) tool(t testing.TB) string {
	t.Helper()
	s.once.Do(func() {
		if s.program = os.Getenv(toolEnv); s.program != "" {
			return
		}
		s.program = filepath.Join(s.dir, "kubectl-msa")
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", s.program, "github.com/kubectl-msa/kubectl-msa/cmd/kubectl-msa")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
	})
	return s.program
}
