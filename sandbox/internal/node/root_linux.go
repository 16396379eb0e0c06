// Package node turns the supervisor's fresh namespaces into a machine of its
// own: a root file system, a network and a cgroup.
package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelSettings are host-wide settings that the kubelet insists on and would
// write (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables). The
// sandbox lays files over them, so that the machine keeps its own.
func kernelSettings() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}

// EnterRoot builds a root file system and moves the calling process into it:
// the machine's own top-level directories, but with a /var, /run and /proc of
// the sandbox's. varDir backs /var. keep are directories that must stay
// visible at their paths, even below /var or /run. The caller must be in a
// mount namespace of its own.
func EnterRoot(root, varDir string, keep []string, resolvConf string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("root: private mounts: %w", err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.Mount("sandbox", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("root: tmpfs: %w", err)
	}
	if err := bindTop(root); err != nil {
		return err
	}
	if err := ownDirectories(root, varDir, keep); err != nil {
		return err
	}
	if err := pivot(root); err != nil {
		return err
	}
	if err := maskKernelSettings(); err != nil {
		return err
	}
	return placeFile("/etc/resolv.conf", resolvConf)
}

// bindTop shows the machine's top-level directories in the new root.
func bindTop(root string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, e := range entries {
		target := filepath.Join(root, e.Name())
		switch {
		case e.Name() == "var" || e.Name() == "run" || e.Name() == "proc":
		case e.Type()&os.ModeSymlink != 0:
			link, err := os.Readlink("/" + e.Name())
			if err == nil {
				err = os.Symlink(link, target)
			}
			if err != nil {
				return fmt.Errorf("root: %w", err)
			}
		case e.IsDir():
			if err := bind("/"+e.Name(), target); err != nil {
				return err
			}
		}
	}
	return nil
}

func ownDirectories(root, varDir string, keep []string) error {
	for _, d := range []string{"lib/kubelet", "lib/containerd", "lib/cni", "log/pods", "log/containers", "tmp"} {
		if err := os.MkdirAll(filepath.Join(varDir, d), 0o755); err != nil {
			return fmt.Errorf("root: %w", err)
		}
	}
	if err := os.Symlink("/run", filepath.Join(varDir, "run")); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("root: %w", err)
	}
	if err := bind(varDir, filepath.Join(root, "var")); err != nil {
		return err
	}
	for _, d := range []string{"run", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return fmt.Errorf("root: %w", err)
		}
	}
	for _, path := range keep {
		if !strings.HasPrefix(path, "/var/") && !strings.HasPrefix(path, "/run/") {
			continue
		}
		if err := bind(path, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("root: proc: %w", err)
	}
	return nil
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("root: bind %s: %w", from, err)
	}
	return nil
}

func pivot(root string) error {
	old := filepath.Join(root, ".old")
	if err := os.Mkdir(old, 0o700); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("root: pivot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("root: leave the old root: %w", err)
	}
	if err := os.Remove("/.old"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	// Where the root's place lies below a directory that is bound whole, its
	// copy in there is of no use; elsewhere there is nothing to unmount.
	_ = unix.Unmount(root, unix.MNT_DETACH)
	// The kubelet offers pods to propagate mounts, which needs shared ones.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("root: shared mounts: %w", err)
	}
	return nil
}

func maskKernelSettings() error {
	for name, value := range kernelSettings() {
		target := "/proc/sys/" + name
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := placeFile(target, value+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// placeFile makes path show the content, without touching the machine's file.
func placeFile(path, content string) error {
	source := "/run/sandbox-files/" + strings.ReplaceAll(strings.Trim(path, "/"), "/", "_")
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return placeBehindLink(path, content)
	}
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("root: %s: %w", path, err)
	}
	return nil
}

// placeBehindLink serves a link into /run or /var (systemd-resolved keeps
// resolv.conf there), which is the sandbox's own and empty.
func placeBehindLink(path, content string) error {
	link, err := os.Readlink(path)
	if err != nil {
		return fmt.Errorf("root: %s is missing on this machine: %w", path, err)
	}
	if !filepath.IsAbs(link) {
		link = filepath.Join(filepath.Dir(path), link)
	}
	if !strings.HasPrefix(link, "/run/") && !strings.HasPrefix(link, "/var/") {
		return fmt.Errorf("root: %s is a link to %s, which does not exist", path, link)
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if err := os.WriteFile(link, []byte(content), 0o644); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	return nil
}

// OverlayWorks says whether the kernel mounts an overlay file system whose
// layers lie in the directory. It does not when the directory is one itself.
func OverlayWorks(dir string) bool {
	lower, upper, work, merged := filepath.Join(dir, "l"), filepath.Join(dir, "u"), filepath.Join(dir, "w"), filepath.Join(dir, "m")
	for _, d := range []string{lower, upper, work, merged} {
		if os.MkdirAll(d, 0o700) != nil {
			return false
		}
	}
	defer os.RemoveAll(dir)
	err := unix.Mount("overlay", merged, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work)
	if err != nil {
		return false
	}
	return unix.Unmount(merged, unix.MNT_DETACH) == nil
}
