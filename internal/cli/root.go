package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree. program is the name the tool was called by:
// as a plugin of kubectl it calls itself "kubectl msa".
func newRoot(a *app, program string) *cobra.Command {
	a.global = newGlobalFlags(a.lang)
	root := &cobra.Command{
		Use:           "kubectl-msa",
		Short:         a.t("root.short"),
		Long:          a.t("root.long"),
		Example:       a.t("root.examples"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	if rest, plugin := strings.CutPrefix(name, "kubectl-"); plugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + rest}
	} else {
		root.Use = name
	}
	a.global.add(root.PersistentFlags())
	root.PersistentFlags().BoolP("help", "h", false, "")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newInspect(a, nil), newTree(a, nil), newMap(a, nil), newProbe(a), newRollout(a), newQuota(a), newRules(a, nil), newDoctor(a, nil),
		newVersion(a, nil), newCompletion(a), newOptions(a),
	)
	root.SetHelpCommand(newHelp(a))
	a.completeAll(root)
	a.dress(root)
	return root
}

func unknownCommand(cmd *cobra.Command, typed string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usage("error.unknown-command", "command", typed, "near", nearest(typed, names), "commands", names, "help", cmd.CommandPath()+" --help")
}

// noArgs refuses arguments in our own words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if cmd.HasAvailableSubCommands() {
			return unknownCommand(cmd, args[0])
		}
		return usage("error.no-arguments", "command", cmd.CommandPath(), "argument", args[0])
	}
	return nil
}
