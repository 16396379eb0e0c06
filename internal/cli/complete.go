package cli

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
	sort.Strings(kinds)
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

// completeFlags completes the values of flags.
func completeFlags(cmd *cobra.Command) {
	fixed := func(words ...string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words, cobra.ShellCompDirectiveNoFileComp
		}
	}
	// The error is for a flag that does not exist: a defect that a test finds.
	_ = cmd.RegisterFlagCompletionFunc("output", fixed("table", "wide", "json", "yaml", "name", "jsonpath="))
	_ = cmd.RegisterFlagCompletionFunc("fail-on", fixed("error", "warning", "info", "none"))
}

// completeGlobal completes the values of the global flags.
func completeGlobal(a *app, root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("lang", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"en", "ko"}, cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("color", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.completeNames(cmd.Context(), "namespace"), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		raw, err := a.global.config.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for n := range raw.Contexts {
			names = append(names, n)
		}
		sort.Strings(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

func completeRules(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return catalogue.IDs(), cobra.ShellCompDirectiveNoFileComp
}
