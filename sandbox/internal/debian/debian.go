// Package debian finds the few programs that a real node needs from the
// machine, and installs Debian's packages where they are missing.
package debian

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
)

// need is a file that must exist, and the package that brings it.
type need struct {
	file, pkg string
}

const cniPackage = "containernetworking-plugins"

// programDirs is where the packages of Debian and its relatives, and
// installations by hand, put programs.
func programDirs() []string {
	return []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
}

func cniDirs() []string { return []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} }

func needs() []need {
	return []need{
		{"runc", "runc"}, {"nft", "nftables"}, {"ip", "iproute2"}, {"iptables", "iptables"},
		{"ptp", cniPackage}, {"host-local", cniPackage}, {"portmap", cniPackage},
	}
}

func find(n need) string {
	dirs := programDirs()
	if n.pkg == cniPackage {
		dirs = cniDirs()
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, n.file)
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// missing lists the packages to install, each once.
func missing() []string {
	var packages []string
	seen := map[string]bool{}
	for _, n := range needs() {
		if find(n) == "" && !seen[n.pkg] {
			seen[n.pkg] = true
			packages = append(packages, n.pkg)
		}
	}
	return packages
}

// Tools returns the host's programs, after installing what is missing.
func Tools(ctx context.Context, log io.Writer) (plan.Tools, error) {
	if packages := missing(); len(packages) > 0 {
		if err := install(ctx, log, packages); err != nil {
			return plan.Tools{}, err
		}
	}
	if packages := missing(); len(packages) > 0 {
		return plan.Tools{}, fmt.Errorf("a real node needs %s, which this machine lacks", strings.Join(packages, ", "))
	}
	return plan.Tools{Runc: find(need{"runc", "runc"}), CNI: filepath.Dir(find(need{"ptp", cniPackage}))}, nil
}

func install(ctx context.Context, log io.Writer, packages []string) error {
	names := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("a real node needs %s: install them (there is no apt-get here)", names)
	}
	fmt.Fprintf(log, "installing Debian packages: %s\n", names)
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}
