// Package box is a sandbox as its user sees it: up, down, and what is there.
package box

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/debian"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// readyTimeout is how long `up` waits for the supervisor, which gives up by
// itself a little earlier.
const readyTimeout = 200 * time.Second

// SuperviseCommand is the hidden command that a supervisor runs as.
const SuperviseCommand = "supervise"

// Options are the wishes of a user of `up`.
type Options struct {
	Dir state.Dir
	// Base is the directory of all sandboxes.
	Base string
	// Components is where the components' sources lie, or why they were not
	// found; it only matters when something has to be built.
	Components func() (string, error)
	FakeNodes  int
	// ControlPlaneOnly asks for no real node even where one is possible.
	ControlPlaneOnly bool
	FastBackoff      bool
	Log              io.Writer
}

// Prepare installs and builds whatever the options need and returns the specification
// without its ports.
func Prepare(ctx context.Context, o Options) (plan.Spec, error) {
	spec := plan.Spec{Name: o.Dir.Name, Real: !o.ControlPlaneOnly && RealNodePossible(), FakeNodes: o.FakeNodes, FastBackoff: o.FastBackoff, Bins: map[build.Name]build.Bin{}}
	names := build.ControlPlane()
	if spec.Real {
		names = build.Full()
		if o.FakeNodes > 0 {
			names = append(names, build.Kwok)
		}
		tools, err := debian.Tools(ctx, o.Log)
		if err != nil {
			return spec, err
		}
		spec.Tools = tools
	}
	components, err := o.Components()
	if err != nil {
		return spec, err
	}
	builder := build.Builder{Components: components, Cache: state.BinCache(o.Base), Log: o.Log, Every: 15 * time.Second}
	for _, name := range names {
		if spec.Bins[name], err = builder.Build(ctx, name); err != nil {
			return spec, err
		}
	}
	return spec, nil
}

// Up brings the sandbox up, or finds that it is.
func Up(ctx context.Context, o Options) error {
	lock, err := state.AcquireLock(ctx, o.Dir.OperationLock())
	if err != nil {
		return err
	}
	defer lock.Release()
	alive, err := Alive(o.Dir)
	if err != nil {
		return err
	}
	if alive {
		if err := sameWishes(o); err != nil {
			return err
		}
		return waitReady(ctx, o.Dir, o.Log)
	}
	if err := clean(o.Dir); err != nil {
		return err
	}
	spec, err := Prepare(ctx, o)
	if err != nil {
		return err
	}
	if !spec.Real {
		fmt.Fprintln(o.Log, "no real node: "+whyNoRealNode(o.ControlPlaneOnly)+"; control plane and fake nodes only")
	}
	if err := launch(ctx, o, spec); err != nil {
		return errors.Join(err, clean(o.Dir))
	}
	return waitReady(ctx, o.Dir, o.Log)
}

// sameWishes refuses options that a running sandbox does not have.
func sameWishes(o Options) error {
	var spec plan.Spec
	if err := o.Dir.Read(plan.SpecFile, &spec); err != nil {
		return err
	}
	switch {
	case o.FakeNodes > spec.FakeNodes:
		return fmt.Errorf("sandbox %s is up with %d fake nodes, not %d: run `down` first", o.Dir.Name, spec.FakeNodes, o.FakeNodes)
	case o.FastBackoff && !spec.FastBackoff:
		return fmt.Errorf("sandbox %s is up without --fast-backoff: run `down` first", o.Dir.Name)
	}
	return nil
}

func whyNoRealNode(asked bool) string {
	if asked {
		return "asked for the control plane only"
	}
	return "that needs Linux and root"
}

// launch writes the state directory and starts the supervisor.
func launch(ctx context.Context, o Options, spec plan.Spec) error {
	if err := os.MkdirAll(o.Dir.In("logs"), 0o755); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := os.MkdirAll(o.Dir.In("data", "var"), 0o755); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	defer listener.Close()
	spec.APIPort = listener.Addr().(*net.TCPAddr).Port
	if !spec.Real {
		if err := freePorts(ctx, &spec.EtcdPort, &spec.EtcdPeerPort, &spec.ManagerPort, &spec.SchedulerPort); err != nil {
			return err
		}
	}
	if err := o.Dir.Write(plan.SpecFile, spec); err != nil {
		return err
	}
	if err := plan.WritePKI(spec, o.Dir); err != nil {
		return err
	}
	alive, held, err := state.TryLock(o.Dir.AliveLock())
	if err != nil || held {
		return errors.Join(fmt.Errorf("supervisor: its lock is taken"), err)
	}
	defer alive.File.Close()
	return spawn(ctx, o, spec, alive.File, listener.(*net.TCPListener))
}

// spawn starts the detached supervisor. It inherits the lock that says that
// it lives, and the API's listener.
func spawn(ctx context.Context, o Options, spec plan.Spec, alive *os.File, listener *net.TCPListener) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	logFile, err := os.OpenFile(o.Dir.Log("supervisor"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	defer logFile.Close()
	// It outlives its starter, and so the context.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe, SuperviseCommand, "--state", o.Dir.Path, "--keep", o.Base)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.Dir = string(filepath.Separator)
	cmd.SysProcAttr = detached(spec.Real)
	if spec.Real {
		api, err := listener.File()
		if err != nil {
			return fmt.Errorf("supervisor: %w", err)
		}
		defer api.Close()
		cmd.ExtraFiles = []*os.File{alive, api}
	} else {
		listener.Close()
		inheritLock(cmd, alive)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	return cmd.Process.Release()
}

// freePorts chooses ports of the loopback that are free. All are held until
// the last is chosen, so that no two are the same.
func freePorts(ctx context.Context, ports ...*int) error {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	for _, p := range ports {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		listeners = append(listeners, l)
		*p = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// waitReady follows the supervisor's status and tells each new step.
func waitReady(ctx context.Context, dir state.Dir, log io.Writer) error {
	deadline := time.Now().Add(readyTimeout)
	told := 0
	for {
		alive, err := Alive(dir)
		if err != nil {
			return err
		}
		status, readErr := dir.ReadStatus()
		if readErr == nil {
			if status.Ready && alive {
				return nil
			}
			for ; told < len(status.Steps); told++ {
				fmt.Fprintf(log, "%6.1fs %s\n", status.Steps[told].After.Seconds(), status.Steps[told].Name)
			}
		}
		if !alive {
			return failed(dir, status.Error)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sandbox %s is not ready after %s; see `sandbox logs` and %s", dir.Name, readyTimeout, dir.In("logs"))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sandbox %s is still starting: %w", dir.Name, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failed explains a start that ended, with what the supervisor last wrote.
func failed(dir state.Dir, reason string) error {
	if reason == "" {
		body, _ := os.ReadFile(dir.Log("supervisor"))
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		reason = strings.Join(lines[max(0, len(lines)-5):], "\n")
	}
	return fmt.Errorf("sandbox %s did not come up: %s\nlogs: %s", dir.Name, reason, dir.In("logs"))
}

// Alive says whether the sandbox's supervisor lives.
func Alive(dir state.Dir) (bool, error) { return state.Held(dir.AliveLock()) }
