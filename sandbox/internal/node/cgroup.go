package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Hierarchy is one mounted cgroup file system.
type Hierarchy struct {
	Path string
	// Unified is true for cgroup v2.
	Unified bool
}

// parseHierarchies reads /proc/self/mountinfo (proc_pid_mountinfo(5)).
func parseHierarchies(mountinfo io.Reader) []Hierarchy {
	var found []Hierarchy
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(kind) == 0 {
			continue
		}
		if kind[0] == "cgroup" || kind[0] == "cgroup2" {
			found = append(found, Hierarchy{Path: fields[4], Unified: kind[0] == "cgroup2"})
		}
	}
	return found
}

// Hierarchies lists the mounted cgroup hierarchies; none where there are no
// cgroups.
func Hierarchies() []Hierarchy {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseHierarchies(f)
}

// MakeCgroup makes the sandbox's cgroup in every hierarchy, and a leaf in it
// for the calling process and those that it starts. The kubelet puts pods
// beside that leaf, because a v2 cgroup holds processes or children, not both.
func MakeCgroup(hierarchies []Hierarchy, name string) error {
	for _, h := range hierarchies {
		if h.Unified {
			delegate(h.Path)
		}
		for _, dir := range []string{filepath.Join(h.Path, name), filepath.Join(h.Path, name, "system")} {
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("cgroup: %w", err)
			}
			if err := inheritCpuset(dir); err != nil {
				return err
			}
		}
		if h.Unified {
			delegate(filepath.Join(h.Path, name))
		}
		procs := filepath.Join(h.Path, name, "system", "cgroup.procs")
		if err := os.WriteFile(procs, []byte("0"), 0o644); err != nil {
			return fmt.Errorf("cgroup: enter: %w", err)
		}
	}
	return nil
}

// delegate passes a v2 cgroup's controllers on to its children. One at a time
// and without an error: which of them the kubelet needs is the kubelet's to
// say, and it names the missing ones.
func delegate(dir string) {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// inheritCpuset fills a new v1 cpuset, which starts empty and then admits no
// process.
func inheritCpuset(dir string) error {
	for _, file := range []string{"cpuset.mems", "cpuset.cpus"} {
		own, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.TrimSpace(string(own)) != "" {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err != nil || strings.TrimSpace(string(parent)) == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, file), parent, 0o644); err != nil {
			return fmt.Errorf("cgroup: %w", err)
		}
	}
	return nil
}

// CgroupProcesses lists the processes in the sandbox's cgroups.
func CgroupProcesses(hierarchies []Hierarchy, name string) []int {
	seen := map[int]bool{}
	var pids []int
	for _, h := range hierarchies {
		_ = filepath.WalkDir(filepath.Join(h.Path, name), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				// A cgroup may vanish while this looks.
				return fs.SkipDir
			}
			if e.Name() != "cgroup.procs" {
				return nil
			}
			body, _ := os.ReadFile(path)
			for field := range strings.FieldsSeq(string(body)) {
				// Processes of a PID namespace that cannot be seen are 0.
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 && !seen[pid] {
					seen[pid] = true
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	return pids
}

// RemoveCgroup removes the sandbox's cgroups. The kernel refuses while a dying
// process is still in one, so it tries until the time is over.
func RemoveCgroup(hierarchies []Hierarchy, name string, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		var failed error
		for _, h := range hierarchies {
			failed = errors.Join(failed, removeTree(filepath.Join(h.Path, name)))
		}
		if failed == nil || time.Now().After(deadline) {
			return failed
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// removeTree removes cgroup directories from the leaves up. Their files are
// the kernel's and vanish with them.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cgroup: %w", err)
	}
	return nil
}
