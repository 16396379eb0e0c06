package cli

import (
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/box"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/super"
)

// maxFakeNodes bounds what one kwok plays on a small machine.
const maxFakeNodes = 5000

func (a *app) options(fakeNodes int, controlPlaneOnly, fastBackoff bool) (box.Options, error) {
	dir, base, err := a.dir()
	if err != nil {
		return box.Options{}, err
	}
	if fakeNodes < 0 || fakeNodes > maxFakeNodes {
		return box.Options{}, fmt.Errorf("%w: --fake-nodes %d: want 0 to %d", errUsage, fakeNodes, maxFakeNodes)
	}
	return box.Options{Dir: dir, Base: base, Components: a.components, FakeNodes: fakeNodes,
		ControlPlaneOnly: controlPlaneOnly, FastBackoff: fastBackoff, Log: a.Err}, nil
}

func (a *app) buildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "build", Short: "Build every component that is not built yet", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := a.options(1, false, false)
			if err != nil {
				return err
			}
			spec, err := box.Prepare(cmd.Context(), o)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(spec.Bins)) {
				fmt.Fprintln(a.Out, name, spec.Bins[name].Version, spec.Bins[name].Dir)
			}
			return nil
		},
	}
}

func (a *app) upCommand() *cobra.Command {
	var fakeNodes int
	var controlPlaneOnly, fastBackoff bool
	cmd := &cobra.Command{
		Use: "up", Short: "Bring the sandbox up and wait until it is ready", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := a.options(fakeNodes, controlPlaneOnly, fastBackoff)
			if err != nil {
				return err
			}
			start := time.Now()
			if err := box.Up(cmd.Context(), o); err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "sandbox %s is up (%s); KUBECONFIG=%s\n", a.name, time.Since(start).Round(100*time.Millisecond), o.Dir.Kubeconfig())
			return nil
		},
	}
	cmd.Flags().IntVar(&fakeNodes, "fake-nodes", 0, "also create this many nodes that kwok plays")
	cmd.Flags().BoolVar(&controlPlaneOnly, "control-plane-only", false, "no real node, even where one is possible")
	cmd.Flags().BoolVar(&fastBackoff, "fast-backoff", false, "restart crashing containers after at most 2 s instead of 5 min")
	return cmd
}

func (a *app) downCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "down", Short: "End the sandbox and remove everything it left", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, base, err := a.dir()
			if err != nil {
				return err
			}
			dirs := []state.Dir{dir}
			if all {
				if dirs, err = state.List(base); err != nil {
					return err
				}
			}
			for _, d := range dirs {
				if err := box.Down(cmd.Context(), d); err != nil {
					return err
				}
				fmt.Fprintf(a.Err, "sandbox %s is down\n", d.Name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every sandbox of this user")
	return cmd
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say what runs; exit 1 when the sandbox is not up and ready", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			spec, status, err := box.Running(dir)
			if err != nil {
				return err
			}
			condition := "ready"
			if !status.Ready {
				condition = "starting"
			}
			node := "real node node-1"
			if !spec.Real {
				node = "no real node"
			}
			fmt.Fprintf(a.Out, "sandbox %s: %s, %s, %d fake nodes\nAPI: %s\nKUBECONFIG: %s\nsupervisor: %d, up %s\n\n", dir.Name, condition, node, spec.FakeNodes,
				spec.HostServer(), dir.Kubeconfig(), status.PID, time.Since(status.Started).Round(time.Second))
			table := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "COMPONENT\tSTATE\tRESTARTS\tPID")
			for _, c := range status.Components {
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", c.Name, c.State, c.Restarts, c.PID)
			}
			if err := table.Flush(); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			if !status.Ready {
				return fmt.Errorf("sandbox %s is still starting", dir.Name)
			}
			return nil
		},
	}
}

// superviseCommand is what `up` starts in the background. File 3 is the lock
// that it lives under; file 4, if there is a real node, is the API's listener.
func (a *app) superviseCommand() *cobra.Command {
	var path string
	var keep []string
	cmd := &cobra.Command{
		Use: box.SuperviseCommand, Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := state.At(path)
			listener, err := inherited(dir)
			if err != nil {
				return err
			}
			if err := os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
				return fmt.Errorf("supervise: %w", err)
			}
			return super.Run(cmd.Context(), dir, listener, keep)
		},
	}
	cmd.Flags().StringVar(&path, "state", "", "state directory")
	cmd.Flags().StringSliceVar(&keep, "keep", nil, "directories to keep visible")
	return cmd
}

// inherited takes over what the starter left open, and keeps it from the
// components.
func inherited(dir state.Dir) (net.Listener, error) {
	if !box.LockInherited {
		if _, held, err := state.TryLock(dir.AliveLock()); err != nil || held {
			return nil, fmt.Errorf("supervise: another supervisor holds %s: %w", dir.AliveLock(), err)
		}
		return nil, nil
	}
	return box.TakeInherited(3, 4)
}
