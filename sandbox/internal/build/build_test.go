package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// component writes a module that requires nothing and prints what it is told.
func component(t *testing.T, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, string(Pause))
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"go.mod":  "module example.test/pause\n\ngo 1.26\n",
		"main.go": "package main\n\nfunc main() { println(\"" + text + "\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(path, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBuildRebuildsWhatChangedAndNothingElse(t *testing.T) {
	sources, cache := t.TempDir(), t.TempDir()
	component(t, sources, "one")
	var log strings.Builder
	b := Builder{Components: sources, Cache: cache, Log: &log, Every: time.Hour}
	first, err := b.Build(t.Context(), Pause)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(first.Dir, "pause")); err != nil {
		t.Fatalf("no binary: %v", err)
	}
	if !strings.Contains(log.String(), "building pause") || !strings.Contains(log.String(), "built pause") {
		t.Errorf("the log does not say what happens: %q", log.String())
	}
	log.Reset()
	again, err := b.Build(t.Context(), Pause)
	if err != nil || again != first || log.Len() > 0 {
		t.Errorf("second build: %v, %v, log %q", again, err, log.String())
	}
	if err := os.WriteFile(filepath.Join(sources, string(Pause), "notes_test.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if same, err := b.Build(t.Context(), Pause); err != nil || same != first {
		t.Errorf("a test file changes the binary: %v, %v", same, err)
	}
	component(t, sources, "two")
	if changed, err := b.Build(t.Context(), Pause); err != nil || changed == first {
		t.Errorf("an edit does not change the binary: %v, %v", changed, err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over in the cache: %v, %v", left, err)
	}
}

func TestBuildSaysWhyItFailed(t *testing.T) {
	sources, cache := t.TempDir(), t.TempDir()
	component(t, sources, "one")
	if err := os.WriteFile(filepath.Join(sources, string(Pause), "main.go"), []byte("package main\n\nfunc main() { nonsense() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := Builder{Components: sources, Cache: cache, Log: &strings.Builder{}, Every: time.Hour}
	if _, err := b.Build(t.Context(), Pause); err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Errorf("error = %v", err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) > 0 {
		t.Errorf("a failed build left %v, %v", left, err)
	}
}

func TestRequiredVersion(t *testing.T) {
	const mod = "module x\n\nrequire k8s.io/kubernetes v1.36.3\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.6.16 // indirect\n)\n\nreplace k8s.io/api => k8s.io/api v0.36.3\n"
	for module, want := range map[string]string{
		"k8s.io/kubernetes":         "v1.36.3",
		"go.etcd.io/etcd/server/v3": "v3.6.16",
		"k8s.io/api":                "",
		"k8s.io/kube":               "",
	} {
		if got := requiredVersion(mod, module); got != want {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
}

func TestTheVersionIsStampedForClientsThatParseIt(t *testing.T) {
	c := Component{Name: Kubernetes, Version: "v1.36.3", recipe: recipeOf(Kubernetes)}
	flags := strings.Join(c.args(), " ")
	for _, want := range []string{"gitVersion=v1.36.3", "gitMajor=1", "gitMinor=36"} {
		if !strings.Contains(flags, want) {
			t.Errorf("%s is missing from %s", want, flags)
		}
	}
}

func TestEveryComponentOfTheTreeLoads(t *testing.T) {
	dir, err := FindComponents("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(Full(), ControlPlane()...) {
		c, err := Load(dir, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if hash, err := c.Hash(); err != nil || len(hash) != 16 {
			t.Errorf("%s: hash %q, %v", name, hash, err)
		}
	}
	if _, err := FindComponents(t.TempDir()); err == nil {
		t.Error("an empty directory is taken for the sources")
	}
}
