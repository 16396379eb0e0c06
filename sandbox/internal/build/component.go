// Package build compiles the sandbox's components from Go modules and keeps
// the binaries in a cache that is addressed by what they are made of.
package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
)

// Name is a directory below components/: a Go module of its own, so that each
// component is built at the dependency versions that it was tested with.
type Name string

// The components of a sandbox.
const (
	Kubernetes    Name = "kubernetes"
	Etcd          Name = "etcd"
	Containerd    Name = "containerd"
	CoreDNS       Name = "coredns"
	MetricsServer Name = "metrics-server"
	Kwok          Name = "kwok"
	Pause         Name = "pause"
)

// Full lists what a sandbox with a real node runs.
func Full() []Name { return []Name{Kubernetes, Etcd, Containerd, CoreDNS, MetricsServer, Pause} }

// ControlPlane lists what a sandbox without a real node runs.
func ControlPlane() []Name { return []Name{Kubernetes, Etcd, Kwok} }

// Component is one component as it lies in the source tree.
type Component struct {
	Name Name
	// Dir is the module's directory.
	Dir string
	// Version is that of the main dependency, from go.mod, such as v1.36.3.
	Version string
	recipe  recipe
}

// recipe says what to build in a module. An empty packages list is the
// module's own main package; an empty module is one without dependencies.
type recipe struct {
	module   string
	packages []string
	tags     string
	// stamps are variables that the linker sets; %V is the version.
	stamps []string
}

func recipeOf(name Name) recipe {
	switch name {
	case Kubernetes:
		return recipe{module: "k8s.io/kubernetes", stamps: []string{
			"k8s.io/component-base/version.gitVersion=%V",
			"k8s.io/component-base/version.gitMajor=%MAJOR",
			"k8s.io/component-base/version.gitMinor=%MINOR",
		}}
	case Etcd:
		return recipe{module: "go.etcd.io/etcd/server/v3"}
	case Containerd:
		const m = "github.com/containerd/containerd/v2"
		return recipe{module: m, tags: "no_btrfs",
			packages: []string{m + "/cmd/containerd", m + "/cmd/containerd-shim-runc-v2", m + "/cmd/ctr"},
			stamps:   []string{m + "/version.Version=%V"}}
	case CoreDNS:
		return recipe{module: "github.com/coredns/coredns"}
	case MetricsServer:
		const m = "sigs.k8s.io/metrics-server"
		return recipe{module: m, packages: []string{m + "/cmd/metrics-server"}, stamps: []string{m + "/pkg/version.gitVersion=%V"}}
	case Kwok:
		const m = "sigs.k8s.io/kwok"
		return recipe{module: m, packages: []string{m + "/cmd/kwok"}}
	default:
		return recipe{}
	}
}

// Load reads a component from the components directory.
func Load(componentsDir string, name Name) (Component, error) {
	dir := filepath.Join(componentsDir, string(name))
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return Component{}, fmt.Errorf("component %s: %w", name, err)
	}
	r := recipeOf(name)
	version := requiredVersion(string(mod), r.module)
	if r.module == "" {
		version = "v1"
	}
	if version == "" {
		return Component{}, fmt.Errorf("component %s: its go.mod does not require %s", name, r.module)
	}
	return Component{Name: name, Dir: dir, Version: version, recipe: r}, nil
}

// requiredVersion finds the version of a module in the text of a go.mod.
func requiredVersion(mod, module string) string {
	for line := range strings.Lines(mod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1]
		}
	}
	return ""
}

// args are the arguments of `go build` but for the output.
func (c Component) args() []string {
	ld := []string{"-s", "-w"}
	parts := strings.SplitN(strings.TrimPrefix(c.Version, "v"), ".", 3)
	parts = append(parts, "", "")
	fill := strings.NewReplacer("%V", c.Version, "%MAJOR", parts[0], "%MINOR", parts[1])
	for _, s := range c.recipe.stamps {
		ld = append(ld, "-X", fill.Replace(s))
	}
	args := []string{"-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", strings.Join(ld, " ")}
	if c.recipe.tags != "" {
		args = append(args, "-tags", c.recipe.tags)
	}
	return args
}

func (c Component) packages() []string {
	if len(c.recipe.packages) == 0 {
		return []string{"."}
	}
	return c.recipe.packages
}

// Hash names what the component's binaries are made of: the files of its
// module, the build flags, the Go version and the platform. Nothing else, so
// that an edit of the driver or of the product rebuilds no component.
func (c Component) Hash() (string, error) {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return "", fmt.Errorf("component %s: %w", c.Name, err)
	}
	var files []string
	for _, e := range entries {
		n := e.Name()
		if n == "go.mod" || n == "go.sum" || (strings.HasSuffix(n, ".go") && !strings.HasSuffix(n, "_test.go")) {
			files = append(files, n)
		}
	}
	sort.Strings(files)
	h := sha256.New()
	fmt.Fprintf(h, "%s %s/%s CGO_ENABLED=0\n%q\n%q\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, c.args(), c.packages())
	for _, n := range files {
		body, err := os.ReadFile(filepath.Join(c.Dir, n))
		if err != nil {
			return "", fmt.Errorf("component %s: %w", c.Name, err)
		}
		fmt.Fprintf(h, "%s %d\n", n, len(body))
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
