package house

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheTreeKeepsTheRules(t *testing.T) {
	g := readGraph(t, filepath.Join("..", ".."))
	if len(g[module+"/pkg/snapshot"]) == 0 {
		t.Fatalf("the graph has no imports of pkg/snapshot: it was not read")
	}
	for _, v := range Violations(g, Rules()) {
		t.Error(v)
	}
}

func TestRulesFire(t *testing.T) {
	const m = module + "/"
	tests := []struct {
		name  string
		graph Graph
		want  []string // the ways, without their reasons
	}{
		{"an analyser asks the cluster", Graph{m + "pkg/inspect": {"k8s.io/client-go/kubernetes"}},
			[]string{"pkg/inspect -> k8s.io/client-go/kubernetes"}},
		{"an analyser asks the cluster through a friend", Graph{m + "pkg/quota": {m + "pkg/fit"}, m + "pkg/fit": {"k8s.io/client-go/rest"}},
			[]string{"pkg/fit -> k8s.io/client-go/rest", "pkg/quota -> pkg/fit -> k8s.io/client-go/rest"}},
		{"an analyser takes typed objects", Graph{m + "pkg/inspect": {"k8s.io/api/core/v1", m + "pkg/snapshot"}}, nil},
		{"the live reader asks the cluster", Graph{m + "pkg/snapshot/live": {"k8s.io/client-go/kubernetes"}}, nil},
		{"an analyser asks a Prometheus", Graph{m + "pkg/quota": {m + "pkg/prometheus"}}, []string{"pkg/quota -> pkg/prometheus"}},
		{"an analyser takes its types", Graph{m + "pkg/quota": {"github.com/prometheus/common/model"}}, []string{"pkg/quota -> github.com/prometheus/common/model"}},
		{"the reader of a Prometheus fills a snapshot", Graph{m + "pkg/prometheus": {m + "pkg/snapshot", "k8s.io/client-go/rest"}}, nil},
		{"running a probe is not judging it", Graph{m + "pkg/probe/run": {"k8s.io/client-go/tools/portforward"}}, nil},
		{"a probe rule runs one", Graph{m + "pkg/probe": {m + "pkg/probe/run"}, m + "pkg/probe/run": {"k8s.io/client-go/rest"}},
			[]string{"pkg/probe -> pkg/probe/run -> k8s.io/client-go/rest"}},
		{"a renderer reads on", Graph{m + "pkg/render": {m + "pkg/snapshot/live"}}, []string{"pkg/render -> pkg/snapshot/live"}},
		{"a renderer takes the path language", Graph{m + "pkg/render": {"k8s.io/client-go/util/jsonpath"}}, nil},
		{"the path language asks the cluster", Graph{m + "pkg/render": {"k8s.io/client-go/util/jsonpath"}, "k8s.io/client-go/util/jsonpath": {"k8s.io/client-go/rest"}},
			[]string{"pkg/render -> k8s.io/client-go/util/jsonpath -> k8s.io/client-go/rest"}},
		{"the machine knows a router", Graph{m + "pkg/rollout": {m + "pkg/rollout/router"}}, []string{"pkg/rollout -> pkg/rollout/router"}},
		{"a router knows the machine", Graph{m + "pkg/rollout/router": {m + "pkg/rollout", "k8s.io/client-go/dynamic"}}, nil},
		{"a package knows the command line", Graph{m + "pkg/lang": {m + "internal/term"}}, []string{"pkg/lang -> internal/term"}},
		{"the product carries a server", Graph{m + "internal/cli": {"k8s.io/kubernetes/pkg/api"}}, []string{"internal/cli -> k8s.io/kubernetes/pkg/api"}},
		{"a name that only begins alike", Graph{m + "pkg/render": {"k8s.io/client-gopher"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ways []string
			for _, v := range Violations(tt.graph, Rules()) {
				way, _, _ := strings.Cut(v, ": ")
				ways = append(ways, way)
			}
			if diff := cmp.Diff(tt.want, ways); diff != "" {
				t.Errorf("ways found (-want +got):\n%s", diff)
			}
		})
	}
}

// readGraph asks the go command for the imports of the product and of everything behind it, without its tests.
func readGraph(t *testing.T, root string) Graph {
	t.Helper()
	noticeChanges(t, root)
	args := []string{"list", "-deps", "-json=ImportPath,Imports"}
	for _, room := range []string{"cmd", "internal", "pkg"} {
		if _, err := os.Stat(filepath.Join(root, room)); err == nil {
			args = append(args, "./"+room+"/...")
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := Graph{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatalf("read the answer of go list: %v", err)
		}
		g[p.ImportPath] = p.Imports
	}
}

// noticeChanges opens every directory that the answer of go list depends on:
// go test caches a result by the files that the test itself opened, and would
// not see those that a command read for it.
func noticeChanges(t *testing.T, root string) {
	t.Helper()
	for _, room := range []string{"cmd", "internal", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll
			}
			if err == nil && !d.IsDir() {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatalf("walk %s: %v", room, err)
		}
	}
}
