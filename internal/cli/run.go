// Package cli is the command tree: flags become options, options become a run,
// and an error becomes one line and an exit code.
package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// Env is everything that commands take from the world besides the cluster.
type Env struct {
	Streams term.Streams
	Getenv  func(string) string
	// Now is the local clock.
	Now func() time.Time
}

// System is the environment of the process.
func System() Env {
	return Env{Streams: term.System(), Getenv: os.Getenv, Now: time.Now}
}

// app is one run of the tool: what every command can use.
type app struct {
	Env
	lang   lang.Lang
	texts  lang.Catalogue
	global *globalFlags
	// offline is how the command that ran does without a cluster.
	offline offline
}

// Run runs one command line, the program's name first, and gives the exit code.
func Run(ctx context.Context, env Env, args []string) int {
	klog.SetLogger(logr.Discard()) // client-go's log lines are for its own debugging
	texts, err := loadTexts()
	if err != nil {
		fmt.Fprintf(env.Streams.Err, "error: %v\n", err)
		return exitFailed
	}
	a := &app{Env: env, texts: texts}
	if a.lang, err = language(args[1:], env.Getenv); err != nil {
		return a.exit(&usageError{id: "error.language-env", args: map[string]any{"value": env.Getenv("MSA_LANG")}})
	}
	root := newRoot(a, args[0])
	root.SetArgs(args[1:])
	root.SetIn(env.Streams.In)
	root.SetOut(env.Streams.Out)
	root.SetErr(env.Streams.Err)
	ran, err := root.ExecuteContextC(ctx)
	a.offline = offlineOf(ran)
	return a.exit(err)
}

// offline is a way to do without a cluster.
type offline string

const (
	needsCluster offline = ""
	readsFiles   offline = "files"
	checksFiles  offline = "check"
)

// offlineOf tells by the flags: what can save a snapshot reads it back with -f,
// but for quota check, whose -f is what to check.
func offlineOf(cmd *cobra.Command) offline {
	switch {
	case cmd.Flags().Lookup("local") != nil:
		return checksFiles
	case cmd.Flags().Lookup("save-snapshot") != nil:
		return readsFiles
	}
	return needsCluster
}

// language finds --lang before the flags are parsed, because their own help is
// in that language; a value that is none is left to the flag to refuse.
func language(args []string, getenv func(string) string) (lang.Lang, error) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		value, found := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, found = args[i+1], true
		}
		if found {
			if l, err := lang.Parse(value); err == nil {
				return l, nil
			}
		}
	}
	return lang.FromEnvironment(getenv)
}

// runs makes a command of what its arguments ask for: options are checked before
// any cluster is asked. A test gives instead, to see them.
func runs[O any](options func(*cobra.Command, []string) (O, error), run, instead func(context.Context, O) error) func(*cobra.Command, []string) error {
	if instead != nil {
		run = instead
	}
	return func(cmd *cobra.Command, args []string) error {
		o, err := options(cmd, args)
		if err != nil {
			return err
		}
		return run(cmd.Context(), o)
	}
}

// render gives the options for writing to Out.
func (a *app) render(o outputValue) render.Options {
	return render.Options{
		Format: o.format, Template: o.template, Lang: a.lang,
		Color: a.global.color.Use(a.Streams.OutTTY, a.Getenv),
		ASCII: term.ASCII(a.Getenv), Width: a.Streams.Width,
		Connection: a.global.connection(),
	}
}
