package cli

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// cluster is where a command reads: connected to in name only, no request is sent yet.
type cluster struct {
	reader             *live.Reader
	config             *rest.Config
	context, namespace string
	host               string
}

// connect finds out from kubeconfig and flags which cluster is meant.
func (a *app) connect() (*cluster, error) {
	if err := a.global.check(); err != nil {
		return nil, err
	}
	if err := a.checkPlaces(); err != nil {
		return nil, err
	}
	loader := a.global.config.ToRawKubeConfigLoader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, a.badConfig(err)
	}
	name := *a.global.config.Context
	if name == "" {
		name = raw.CurrentContext
	}
	if err := a.checkContext(raw, name); err != nil {
		return nil, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, a.badConfig(err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, a.badConfig(err)
	}
	if err := checkNamespace(namespace); err != nil {
		return nil, err
	}
	reader, err := live.New(config, live.Options{
		Version: ownVersion(), QPS: a.global.qps, Burst: int(a.global.qps * 2), Warnings: newWarnings(a), Now: a.Now,
	})
	if err != nil {
		return nil, a.badConfig(err)
	}
	a.global.usedContext = name
	return &cluster{reader: reader, config: config, context: name, namespace: namespace, host: hostOf(config.Host)}, nil
}

// hostOf is the server without anything that a URL may hold besides.
func hostOf(server string) string {
	if u, err := url.Parse(server); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return server
}

// checkContext refuses what the loader would quietly replace: no configuration
// at all becomes localhost:8080 in kubectl.
func (a *app) checkContext(raw api.Config, name string) error {
	names := make([]string, 0, len(raw.Contexts))
	for n := range raw.Contexts {
		names = append(names, n)
	}
	sort.Strings(names)
	if asked := *a.global.config.Context; asked != "" {
		if _, ok := raw.Contexts[asked]; !ok {
			return usage("error.context-unknown", "context", asked, "near", nearest(asked, names), "contexts", names)
		}
	}
	if *a.global.config.APIServer != "" || a.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return nil
	}
	if len(raw.Clusters) == 0 && len(raw.Contexts) == 0 {
		return &configError{id: "error.no-kubeconfig", args: map[string]any{"looked": a.kubeconfigPlaces()}}
	}
	if name == "" && *a.global.config.ClusterName == "" {
		return &configError{id: "error.no-context", args: map[string]any{"contexts": names}}
	}
	if _, ok := raw.Contexts[name]; !ok && name != "" {
		return &configError{id: "error.current-context", args: map[string]any{"context": name, "contexts": names}}
	}
	return nil
}

// checkPlaces refuses a kubeconfig's text where its path belongs, as it is easily
// given in a pipeline: the errors about such a "path" would print the keys in it.
func (a *app) checkPlaces() error {
	const longest = 1024 // no path is longer, and no kubeconfig as short, in base64 either
	place, value := "--kubeconfig", *a.global.config.KubeConfig
	if value == "" {
		place, value = "KUBECONFIG", a.Getenv("KUBECONFIG")
	}
	text := strings.Contains(value, "\n") || strings.HasPrefix(value, "{")
	for _, path := range filepath.SplitList(value) {
		text = text || len(path) > longest
	}
	if text {
		return usage("error.kubeconfig-text", "place", place)
	}
	return nil
}

func (a *app) kubeconfigPlaces() string {
	if p := *a.global.config.KubeConfig; p != "" {
		return p
	}
	if p := a.Getenv("KUBECONFIG"); p != "" {
		return "KUBECONFIG=" + p
	}
	return "~/.kube/config"
}

// badConfig says what is wrong with the kubeconfig.
func (a *app) badConfig(err error) error {
	explicit := *a.global.config.KubeConfig
	if explicit != "" && errors.Is(err, fs.ErrNotExist) {
		return usage("error.kubeconfig-missing", "path", explicit)
	}
	return &configError{id: "error.kubeconfig-bad", args: map[string]any{"why": strings.Join(strings.Fields(snapshot.Safe(err.Error())), " ")}}
}

// within bounds ctx by --timeout.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.global.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, a.global.timeout, errTimedOut)
}

// frugally keeps the memory near what is kept while long lists are read: most of
// what is decoded of them is let go again at once. A collection begins when the
// heap has grown by this many per cent. What it returns ends that.
func frugally(percent int) func() {
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }
}

// path is where programs are looked for.
func (a *app) path() []string { return strings.Split(a.Getenv("PATH"), string(os.PathListSeparator)) }
