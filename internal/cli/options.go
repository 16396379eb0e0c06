package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newOptions lists the global flags, as "kubectl options" does.
func newOptions(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: a.t("options.short"),
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", a.t("options.head"), a.flags(cmd.Root().PersistentFlags(), func(string) bool { return true }))
			return err
		},
	}
}

// newHelp is "help [COMMAND]".
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: a.t("help.short"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if about, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range available(about) {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || about == nil || about == cmd.Root() && len(rest) > 0 {
				return unknownCommand(cmd.Root(), args[0])
			}
			return about.Help()
		},
	}
}
