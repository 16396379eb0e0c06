package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/box"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/super"
)

func (a *app) kubeconfigCommand() *cobra.Command {
	var path bool
	var user string
	var groups []string
	cmd := &cobra.Command{
		Use: "kubeconfig", Short: "Print the administrator's kubeconfig, or one for any user", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			if path && (user != "" || len(groups) > 0) {
				return fmt.Errorf("%w: --path names the administrator's file, so it goes without --user and --group", errUsage)
			}
			if user == "" && len(groups) > 0 {
				return fmt.Errorf("%w: --group needs --user", errUsage)
			}
			spec, _, err := box.Running(dir)
			if err != nil {
				return err
			}
			if path {
				_, err = fmt.Fprintln(a.Out, dir.Kubeconfig())
				return err
			}
			var body []byte
			if user != "" {
				body, err = plan.UserKubeconfig(spec, dir, user, groups)
			} else {
				body, err = os.ReadFile(dir.Kubeconfig())
			}
			if err != nil {
				return err
			}
			_, err = a.Out.Write(body)
			return err
		},
	}
	cmd.Flags().BoolVar(&path, "path", false, "print where the file is instead")
	cmd.Flags().StringVar(&user, "user", "", "sign a certificate for this user instead (RBAC decides what it may do)")
	cmd.Flags().StringArrayVar(&groups, "group", nil, "a group of that user; may be repeated")
	return cmd
}

func (a *app) loadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "load IMAGE.tar...", Short: "Load image archives (docker save or OCI) into the node; - reads standard input",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: load: name an image archive", errUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			spec, status, err := box.Running(dir)
			if err != nil {
				return err
			}
			if !spec.Real {
				return fmt.Errorf("sandbox %s has no real node to load images into", dir.Name)
			}
			socket := fmt.Sprintf("/proc/%d/root%s", status.PID, plan.ContainerdSocket)
			for _, arg := range args {
				if err := a.load(cmd, spec, super.ImportArgs(socket, status.Snapshotter), arg); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) load(cmd *cobra.Command, spec plan.Spec, ctrArgs []string, archive string) error {
	in := a.In
	if archive != "-" {
		f, err := os.Open(archive)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		defer f.Close()
		in = f
	}
	ctr := exec.CommandContext(cmd.Context(), spec.Bin(build.Containerd, "ctr"), ctrArgs...)
	ctr.Stdin = in
	out, err := ctr.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("load %s: %s", archive, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", archive, err)
	}
	_, err = a.Out.Write(out)
	return err
}

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs COMPONENT", Short: "Print the log of one component",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			names := dir.LogNames()
			if len(names) == 0 {
				return fmt.Errorf("sandbox %s has no logs: it is not up", dir.Name)
			}
			if len(args) != 1 {
				return fmt.Errorf("%w: logs: name one of %s", errUsage, strings.Join(names, ", "))
			}
			f, err := os.Open(dir.Log(args[0]))
			if errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%w: logs: %q is none of %s", errUsage, args[0], strings.Join(names, ", "))
			}
			if err != nil {
				return fmt.Errorf("logs: %w", err)
			}
			defer f.Close()
			for {
				if _, err := io.Copy(a.Out, f); err != nil {
					return fmt.Errorf("logs: %w", err)
				}
				if alive, err := box.Alive(dir); !follow || err != nil || !alive {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(200 * time.Millisecond):
				}
			}
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the log grows")
	return cmd
}

func (a *app) kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kubectl ARGS...", Short: "Run the kubectl of the sandbox's version against it", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			spec, _, err := box.Running(dir)
			if err != nil {
				return err
			}
			kubectl := exec.CommandContext(cmd.Context(), spec.Kube(), append([]string{"kubectl"}, args...)...)
			kubectl.Env = append(os.Environ(), "KUBECONFIG="+dir.Kubeconfig())
			kubectl.Stdin, kubectl.Stdout, kubectl.Stderr = a.In, a.Out, a.Err
			var ended *exec.ExitError
			if err := kubectl.Run(); !errors.As(err, &ended) {
				return err
			}
			if code := ended.ExitCode(); code > 0 {
				return exitCodeError(code)
			}
			// Ended by a signal, as when the reader of its output goes away.
			return exitCodeError(1)
		},
	}
}

func (a *app) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run -- CMD...", Short: "Run a command of this machine inside the sandbox's network",
		Long: "Run a command of this machine inside the sandbox's network: the addresses of pods and Services,\nthe NodePorts on " + plan.NodeIP + " and the cluster's DNS names are reachable from it, and nothing else is.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: run: name a command", errUsage)
			}
			dir, _, err := a.dir()
			if err != nil {
				return err
			}
			spec, status, err := box.Running(dir)
			if err != nil {
				return err
			}
			if !spec.Real {
				return fmt.Errorf("sandbox %s has no network of its own", dir.Name)
			}
			env := append(os.Environ(), "KUBECONFIG="+dir.Kubeconfig())
			return box.RunInside(status.PID, dir.In("config", "run-resolv.conf"), args, env)
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
