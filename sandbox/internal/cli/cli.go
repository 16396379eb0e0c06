// Package cli is the command line of the sandbox.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Streams are the program's input and outputs.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// app is what the commands share.
type app struct {
	Streams
	name, source string
}

// errUsage marks an error of the command line.
var errUsage = errors.New("usage")

// exitCodeError is the end of a program that this one only stands in for. It has
// said itself what was wrong.
type exitCodeError int

func (c exitCodeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// Main runs one command and returns the exit code: 1 for a failure, 2 for a
// wrong command line, or that of the program that it ran.
func Main(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams) //nolint:contextcheck // cobra hands the context to the commands
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var passed exitCodeError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &passed):
		return int(passed)
	case errors.Is(err, errUsage):
		fmt.Fprintln(streams.Err, "sandbox:", err)
		return 2
	default:
		fmt.Fprintln(streams.Err, "sandbox:", err)
		return 1
	}
}

func newRoot(streams Streams) *cobra.Command {
	a := &app{Streams: streams}
	root := &cobra.Command{
		Use:              "sandbox",
		Short:            "A real Kubernetes as plain processes, without Docker",
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: unknown command %q; `sandbox --help` lists them", errUsage, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.CompletionOptions.DisableDefaultCmd = true
	name := os.Getenv("MSA_SANDBOX")
	if name == "" {
		name = "msa"
	}
	root.PersistentFlags().StringVar(&a.name, "name", name, "which sandbox; MSA_SANDBOX changes the default")
	root.PersistentFlags().StringVar(&a.source, "source", "", "the project's sandbox directory, when it cannot be found from here")
	root.AddCommand(a.buildCommand(), a.upCommand(), a.downCommand(), a.statusCommand(), a.kubeconfigCommand(),
		a.loadCommand(), a.logsCommand(), a.runCommand(), a.kubectlCommand(), a.freezeCommand(), a.thawCommand(), a.superviseCommand())
	return root
}

// dir is the state directory of the sandbox that the user named, and the base
// of all.
func (a *app) dir() (dir state.Dir, base string, err error) {
	if base, err = state.Base(); err != nil {
		return dir, base, err
	}
	if dir, err = state.Open(base, a.name); err != nil {
		return dir, base, fmt.Errorf("%w: %w", errUsage, err)
	}
	return dir, base, nil
}

func (a *app) components() (string, error) { return build.FindComponents(a.source) }

// noArgs is cobra.NoArgs with an error of this program.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes no argument, got %q", errUsage, cmd.Name(), args[0])
	}
	return nil
}
