package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// RestartAPIServer kills the sandbox's API server; its supervisor starts it again. It returns when the new one answers.
func RestartAPIServer(t testing.TB, c *cluster.Cluster) {
	t.Helper()
	pid := apiServer(t, c)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "the API server to come back", time.Minute, func(ctx context.Context) (bool, string, error) {
		_, err := c.Typed().Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, fmt.Sprint(err), nil
	})
}

// apiServer finds the API server's process: the only one that has this sandbox's folder in its arguments, and is called so.
func apiServer(t testing.TB, c *cluster.Cluster) int {
	t.Helper()
	folder := filepath.Dir(c.Kubeconfig()) + string(filepath.Separator)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue
		}
		args := strings.Split(string(line), "\x00")
		if len(args) > 2 && args[1] == "kube-apiserver" && strings.Contains(string(line), folder) {
			return pid
		}
	}
	t.Fatal("the sandbox's API server is not among the processes")
	return 0
}
