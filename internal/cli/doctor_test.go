package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/version"
)

func TestPermitted(t *testing.T) {
	rule := func(group, resource, verb string, names ...string) []authorizationv1.ResourceRule {
		return []authorizationv1.ResourceRule{{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names}}
	}
	listPods := authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}
	logs := authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Subresource: "log"}
	cases := []struct {
		name  string
		rules []authorizationv1.ResourceRule
		what  authorizationv1.ResourceAttributes
		want  bool
	}{
		{"no rule", nil, listPods, false},
		{"exact", rule("", "pods", "list"), listPods, true},
		{"everything", rule("*", "*", "*"), listPods, true},
		{"another verb", rule("", "pods", "get"), listPods, false},
		{"another group", rule("metrics.k8s.io", "pods", "list"), listPods, false},
		{"some names only", rule("", "pods", "list", "web"), listPods, false},
		{"pods are not their logs", rule("", "pods", "get"), logs, false},
		{"logs", rule("", "pods/log", "get"), logs, true},
		{"logs of anything", rule("", "*/log", "get"), logs, true},
		{"all resources", rule("", "*", "get"), logs, true},
	}
	for _, c := range cases {
		if got := permitted(c.rules, c.what); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		client, major, minor string
		want                 skew
	}{
		{"v0.37.2", "1", "37", skewOK}, {"v0.37.2", "1", "36", skewOK}, {"v0.37.2", "1", "38+", skewOK},
		{"v0.37.2", "1", "35", skewOlder}, {"v0.37.2", "1", "39", skewNewer},
		{"unknown", "1", "37", skewUnknown}, {"v0.37.2", "1", "x", skewUnknown}, {"v0.37.2", "2", "37", skewUnknown},
	} {
		if got := skewOf(c.client, version.Info{Major: c.major, Minor: c.minor}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestShadowing(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(first, "kubectl-msa", 0o755)
	write(first, "kubectl-msa-rules", 0o644) // not executable: kubectl passes over it
	takes := write(second, "kubectl-msa-inspect", 0o755)
	write(second, "kubectl-msa-unrelated", 0o755)
	behind := write(second, "kubectl-msa", 0o755)
	want := []pluginView{{behind, shadowed}, {takes, takesCommand}}
	if diff := cmp.Diff(want, shadowing([]string{first, "", second, first}, ownCommands())); diff != "" {
		t.Error(diff)
	}
}

// ownCommands is what the tree has, so that a new command is looked for too.
func TestOwnCommandsAreThoseOfTheTree(t *testing.T) {
	names := map[string]bool{}
	for _, c := range ownCommands() {
		names[c] = true
	}
	for _, c := range newRoot(newApp(t, "en"), "kubectl-msa").Commands() {
		if !names[c.Name()] {
			t.Errorf("%s is missing", c.Name())
		}
	}
}
