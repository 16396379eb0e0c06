package super

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/node"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// hostPID is the process's id as the host sees it. It must be asked before
// /proc is replaced by that of the new PID namespace.
func hostPID() int {
	if link, err := os.Readlink("/proc/self"); err == nil {
		if pid, err := strconv.Atoi(link); err == nil {
			return pid
		}
	}
	return os.Getpid()
}

// siginfo is the head of siginfo_t for SIGCHLD (sigaction(2)).
type siginfo struct {
	signo, errno, code, _ int32
	pid                   int32
	_                     [108]byte
}

// reap collects the orphans that fall to process 1 (containerd's shims and
// what pods leave behind), but not the children that this program waits for.
func (p *procs) reap(ctx context.Context) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-children:
		case <-tick.C:
		}
		for p.reapOne() {
		}
	}
}

// reapOne looks at one ended child without collecting it (WNOWAIT), and
// collects it if nobody else will.
func (p *procs) reapOne() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var info siginfo
	_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&info)),
		unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
	if errno != 0 || info.pid == 0 || p.own[int(info.pid)] {
		return false
	}
	_, err := unix.Wait4(int(info.pid), nil, unix.WNOHANG, nil)
	return err == nil
}

// enterNode moves this process into the machine that it made.
func enterNode(ctx context.Context, p *procs, spec plan.Spec, dir state.Dir, keep []string) (plan.Host, error) {
	host := plan.Host{Snapshotter: "native", RestrictOOM: !mayLowerOOMScore()}
	if err := node.MakeCgroup(node.Hierarchies(), plan.Cgroup(dir)); err != nil {
		return host, err
	}
	if err := unix.Sethostname([]byte(plan.NodeName)); err != nil {
		return host, fmt.Errorf("hostname: %w", err)
	}
	resolv := "nameserver " + plan.NodeIP + "\n"
	if err := node.EnterRoot(dir.In("root"), dir.In("data", "var"), append(keep, dir.Path), resolv); err != nil {
		return host, err
	}
	if node.OverlayWorks(dir.In("data", "var", "overlay-test")) {
		host.Snapshotter = "overlayfs"
	}
	return host, node.Network(ctx, p.output, plan.NodeCIDR, plan.ServiceCIDR)
}

// mayLowerOOMScore looks for CAP_SYS_RESOURCE.
func mayLowerOOMScore() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}
