package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// completeWithin bounds the wait of somebody who pressed the tab key.
const completeWithin = 2 * time.Second

// completeObjects completes TYPE, TYPE NAME and TYPE/NAME. It is silent about
// everything that goes wrong: the terminal is in the middle of a line.
func (a *app) completeObjects(cmd *cobra.Command, args []string, typing string) ([]string, cobra.ShellCompDirective) {
	if kind, _, slash := strings.Cut(typing, "/"); slash {
		var out []string
		for _, name := range a.completeNames(cmd.Context(), kind) {
			out = append(out, kind+"/"+name)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) > 0 && !strings.Contains(args[0], "/") {
		return a.completeNames(cmd.Context(), args[0]), cobra.ShellCompDirectiveNoFileComp
	}
	var kinds []string
	for _, k := range snapshot.Kinds() {
		if !k.Custom && !k.Metadata && k.Kind != "PodMetrics" { // what add-ons bring may not be here
			kinds = append(kinds, k.Singular)
		}
	}
	slices.Sort(kinds)
	return kinds, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeNames(ctx context.Context, kind string) []string {
	info, ok := snapshot.Resolve(kind)
	if !ok {
		return nil
	}
	c, err := a.connect()
	if err != nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	need := snapshot.Need{Kind: info.Kind}
	if info.Namespaced {
		need.Namespace = c.namespace
	}
	names, err := c.reader.Names(ctx, need)
	if err != nil {
		return nil
	}
	return names
}

// listed is the value of a flag that takes one of some words.
type listed interface{ words() []string }

// completeAll completes the values of the flags of a command and of those below
// it. Names of files are offered only where a file is meant.
func (a *app) completeAll(cmd *cobra.Command) {
	complete := func(f *pflag.Flag) {
		if how := a.valuesOf(f); how != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, how) // its only error is for a flag that does not exist
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		a.completeAll(sub)
	}
}

// valuesOf completes the value of one flag; nil leaves it to the shell, which offers files.
func (a *app) valuesOf(f *pflag.Flag) cobra.CompletionFunc {
	if l, ok := f.Value.(listed); ok {
		words := l.words()
		for i, w := range words {
			words[i] = strings.TrimSuffix(w, "TEMPLATE")
		}
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	switch word := flagWord(f); {
	case word == fileWord:
		return nil
	case f.Name == "namespace":
		return a.names("namespace")
	case f.Name == "context":
		return a.completeContexts
	case word == "SERVICE":
		return a.names("service")
	case word == "NODE":
		return a.names("node")
	}
	return cobra.NoFileCompletions
}

// names completes the names of a kind of object.
func (a *app) names(kind string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.completeNames(cmd.Context(), kind), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	raw, err := a.global.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(raw.Contexts)), cobra.ShellCompDirectiveNoFileComp
}

func completeRules(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return catalogue.IDs(), cobra.ShellCompDirectiveNoFileComp
}
