// Package workshop lays out what end-to-end tests work with: the tool itself,
// built once, and a real cluster that has the sample shop's images.
package workshop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// Root is the project's top folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "krew.yaml")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find the project: no folder above holds krew.yaml")
		}
		dir = up
	}
}

// Open gives the shared cluster with the shop's images in it.
func Open(t testing.TB) *cluster.Cluster {
	t.Helper()
	c := cluster.Get(t)
	cluster.DependsOn(t, "cmd", "internal", "pkg")
	archive, err := images()
	if err != nil {
		t.Fatal(err)
	}
	loaded.Do(func() { c.LoadImage(t, archive) })
	return c
}

var loaded sync.Once

var images = sync.OnceValues(func() (string, error) {
	dir, err := root()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "-C", filepath.Join(dir, "sandbox", "shop"), "./cmd/images")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the shop's images: %w%s", err, stderr(err))
	}
	return strings.TrimSpace(string(out)), nil
})

// Tool builds the tool once in a test binary's life and gives its path.
func Tool(t testing.TB) string {
	t.Helper()
	cluster.DependsOn(t, "cmd", "internal", "pkg")
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bin", "kubectl-msa")
	cmd := exec.Command(filepath.Join(dir, "hack", "build.sh"), ".", filepath.Join("bin", "kubectl-msa"), "./cmd/kubectl-msa")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the tool: %w\n%s", err, out)
	}
	return path, nil
})

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "\n" + string(exit.Stderr)
	}
	return ""
}

// Result is how a run of the tool ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs the tool and fails the test only where it could not be run at all.
func Run(t testing.TB, kubeconfig string, args ...string) Result {
	t.Helper()
	cmd := exec.Command(Tool(t), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "MSA_LANG=en")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return Result{Stdout: out.String(), Stderr: errOut.String(), Code: cmd.ProcessState.ExitCode()}
}

// Inspect runs inspect and reads its report.
func Inspect(t testing.TB, kubeconfig string, args ...string) (inspect.Report, error) {
	t.Helper()
	var r inspect.Report
	got := Run(t, kubeconfig, append([]string{"inspect", "-o", "json"}, args...)...)
	if got.Code != 0 {
		return r, fmt.Errorf("inspect %v: exit code %d: %s", args, got.Code, got.Stderr)
	}
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil {
		return r, fmt.Errorf("inspect %v: %w", args, err)
	}
	return r, nil
}

// Look inspects in this process, as the tool does. Waiting tests look again and
// again with it, because a process for each look would take the cluster's time.
func Look(t testing.TB, c *cluster.Cluster, ns, target string) (inspect.Report, error) {
	t.Helper()
	kind, name, _ := strings.Cut(target, "/")
	info, ok := snapshot.Resolve(kind)
	if !ok {
		t.Fatalf("target %q: no such kind", target)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := live.New(c.Config(), live.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ref := finding.Ref{Kind: string(info.Kind), Name: name}
	if info.Namespaced {
		ref.Namespace = ns
	}
	q := inspect.Query{Namespace: ns, Targets: []finding.Ref{ref}}
	s := snapshot.New(snapshot.FromCluster, time.Now())
	if err := reader.Fill(t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs { return inspect.Plan(s, q) }); err != nil {
		return inspect.Report{}, fmt.Errorf("look at %s: %w", target, err)
	}
	return inspect.Inspect(s, q, inspect.Options{Lang: lang.English, Catalogue: catalogue})
}

// Summary is a report in a line, for the message of a test that waits.
func Summary(r inspect.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s x%d: %s; ", f.Rule, f.Object, f.Count, f.Title)
	}
	for _, o := range r.Objects {
		fmt.Fprintf(&b, "%s is %s: %s; ", o.Object, o.Health, o.Status)
	}
	for _, n := range r.NotChecked {
		fmt.Fprintf(&b, "not checked: %s (%s); ", n.What, n.Why)
	}
	return b.String()
}
