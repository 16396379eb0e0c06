package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// kubectlShim is what kubectl runs to complete the arguments of the plugin
// (k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go): a program of this name
// on the PATH. What the tool says on stderr would end up in the prompt.
const kubectlShim = `#!/bin/sh
# Completes "kubectl msa": save it as kubectl_complete-msa in a directory on
# your PATH, and make it executable.
exec kubectl-msa __complete "$@" 2>/dev/null
`

func newCompletion(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell|kubectl",
		Short:     a.t("completion.short"),
		Long:      a.t("completion.long"),
		Example:   a.t("completion.examples"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell", "kubectl"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("error.which-shell", "allowed", cmd.ValidArgs)
			}
			return writeCompletion(cmd, args[0])
		},
	}
	return cmd
}

func writeCompletion(cmd *cobra.Command, shell string) error {
	root, out := cmd.Root(), cmd.OutOrStdout()
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	case "kubectl":
		_, err := fmt.Fprint(out, kubectlShim)
		return err
	}
	return usage("error.which-shell", "allowed", cmd.ValidArgs)
}
