package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/box"
)

// freezeCommand stops a component as a hung machine would: its connections
// stay open and nothing answers.
func (a *app) freezeCommand() *cobra.Command {
	return a.signalCommand("freeze COMPONENT", "Stop a component in its tracks (a frozen kubelet makes the node NotReady)", box.Freeze)
}

func (a *app) thawCommand() *cobra.Command {
	return a.signalCommand("thaw COMPONENT", "Let a frozen component go on", box.Thaw)
}

func (a *app) signalCommand(use, short string, signal box.Signal) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			_, status, err := box.Running(dir)
			if err != nil {
				return err
			}
			var names []string
			for _, c := range status.Components {
				if len(args) == 1 && c.Name == args[0] {
					return box.SignalComponent(status.PID, c, signal)
				}
				names = append(names, c.Name)
			}
			return fmt.Errorf("%w: %s: name one of %s", errUsage, cmd.Name(), strings.Join(names, ", "))
		},
	}
}
