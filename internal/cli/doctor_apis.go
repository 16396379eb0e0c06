package cli

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

// examineAPIs asks which optional APIs are there.
func examineAPIs(ctx context.Context, c *cluster) []apiView {
	apis := []apiView{
		{Name: "Metrics API", Group: "metrics.k8s.io"},
		{Name: "Custom metrics API", Group: "custom.metrics.k8s.io"},
		{Name: "Prometheus Operator", Group: "monitoring.coreos.com"},
		{Name: "Gateway API", Group: "gateway.networking.k8s.io"},
		{Name: "Istio", Group: "networking.istio.io"},
		{Name: "Argo (CD, Rollouts)", Group: "argoproj.io"},
		{Name: "Flux", Group: "kustomize.toolkit.fluxcd.io"},
	}
	groups, err := c.reader.Groups(ctx)
	for i := range apis {
		api := &apis[i]
		switch v, ok := groups[api.Group]; {
		case err != nil:
			api.State, api.Why = apiUnknown, err.Error()
		case !ok:
			api.State = apiAbsent
		default:
			api.State, api.Version = apiServed, v
			if !strings.HasSuffix(api.Group, "metrics.k8s.io") {
				continue
			}
			// An aggregated API stays registered while the server behind it is down.
			if err := c.reader.Serves(ctx, api.Group, v); err != nil {
				api.State, api.Why = apiFailing, err.Error()
			}
		}
	}
	return apis
}

// skew compares the server with what the tool was built for.
type skew string

// The tool reads only APIs that are stable, so a skew is no error; but what is
// more than one minor version away is untested by the Kubernetes project
// (kubernetes.io/releases/version-skew-policy, kubectl).
const (
	skewOK      skew = "ok"
	skewOlder   skew = "server-older"
	skewNewer   skew = "server-newer"
	skewUnknown skew = "unknown"
)

// skewOf: client-go v0.37 belongs to Kubernetes 1.37.
func skewOf(clientGo string, server version.Info) skew {
	parts := strings.Split(strings.TrimPrefix(clientGo, "v"), ".")
	if len(parts) < 2 || server.Major != "1" {
		return skewUnknown
	}
	ours, err := strconv.Atoi(parts[1])
	if err != nil {
		return skewUnknown
	}
	theirs, err := strconv.Atoi(strings.TrimRight(server.Minor, "+"))
	switch {
	case err != nil:
		return skewUnknown
	case theirs < ours-1:
		return skewOlder
	case theirs > ours+1:
		return skewNewer
	}
	return skewOK
}

// pluginProblem says how kubectl would not run what was meant.
type pluginProblem string

const (
	// takesCommand: kubectl looks for the longest name first, so that
	// kubectl-msa-inspect runs instead of "inspect" of kubectl-msa.
	takesCommand pluginProblem = "takes-command"
	// shadowed: an earlier directory of the PATH has a kubectl-msa too.
	shadowed pluginProblem = "shadowed"
)

// shadowing looks along the PATH for plugins that get in the way.
func shadowing(path, commands []string) []pluginView {
	out := []pluginView{}
	main := false
	seen := map[string]bool{}
	for _, dir := range path {
		if dir == "" || seen[dir] {
			continue
		}
		seen[dir] = true
		if file := filepath.Join(dir, "kubectl-msa"); executable(file) {
			if main {
				out = append(out, pluginView{Path: file, Problem: shadowed})
			}
			main = true
		}
		for _, c := range commands {
			if file := filepath.Join(dir, "kubectl-msa-"+c); executable(file) {
				out = append(out, pluginView{Path: file, Problem: takesCommand})
			}
		}
	}
	return out
}

func executable(path string) bool {
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
