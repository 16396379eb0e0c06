package cli

import (
	"time"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// globalFlags are those that every command takes: kubectl's for the
// connection, and ours for language, colour, limits and verbosity.
type globalFlags struct {
	config  *genericclioptions.ConfigFlags
	lang    lang.Lang
	color   term.Color
	verbose int
	timeout time.Duration
	qps     float32

	// usedContext is the context that was connected to, for messages.
	usedContext string
}

func newGlobalFlags(l lang.Lang) *globalFlags {
	config := genericclioptions.NewConfigFlags(true)
	config.CacheDir = nil // nothing is cached on disk
	limit := "10s"
	config.Timeout = &limit
	return &globalFlags{config: config, lang: l, color: term.Auto, timeout: time.Minute, qps: 50}
}

// common are the global flags that every help page shows; "options" shows all.
func common(name string) bool {
	switch name {
	case "namespace", "context", "kubeconfig", "lang", "color", "verbose", "timeout", "help":
		return true
	}
	return false
}

func (g *globalFlags) add(fs *pflag.FlagSet) {
	g.config.AddFlags(fs)
	fs.Var(enum(&g.lang, lang.All()...), "lang", "")
	fs.Var(enum(&g.color, term.Auto, term.Always, term.Never), "color", "")
	fs.CountVarP(&g.verbose, "verbose", "v", "")
	fs.DurationVar(&g.timeout, "timeout", g.timeout, "")
	fs.Float32Var(&g.qps, "qps", g.qps, "")
}

// check refuses values that the flag types let through.
func (g *globalFlags) check() error {
	if _, err := clientcmd.ParseTimeout(*g.config.Timeout); err != nil {
		return usage("error.flag-invalid", "flag", "--request-timeout", "value", *g.config.Timeout, "type", "duration", "why", "")
	}
	if g.timeout < 0 {
		return usage("error.flag-invalid", "flag", "--timeout", "value", g.timeout.String(), "type", "duration", "why", "")
	}
	return nil
}
