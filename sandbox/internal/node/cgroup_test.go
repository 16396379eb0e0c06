package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseHierarchies(t *testing.T) {
	const hybrid = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw
99 31 0:40 / /mnt/cgroup rw - tmpfs cgroup rw
`
	got := parseHierarchies(strings.NewReader(hybrid))
	want := []Hierarchy{{Path: "/sys/fs/cgroup/cpu"}, {Path: "/sys/fs/cgroup/unified", Unified: true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := parseHierarchies(strings.NewReader("nonsense\n1 2 3 - cgroup\n")); len(got) != 0 {
		t.Errorf("nonsense gives %+v", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMakeCgroupUnified(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "cgroup.controllers"), "cpu memory pids\n")
	if err := MakeCgroup([]Hierarchy{{Path: root, Unified: true}}, "box"); err != nil {
		t.Fatal(err)
	}
	// The process goes to the leaf: a v2 cgroup with controllers for its
	// children takes none itself.
	if body, err := os.ReadFile(filepath.Join(root, "box", "system", "cgroup.procs")); err != nil || string(body) != "0" {
		t.Errorf("leaf: %q, %v", body, err)
	}
	if _, err := os.Stat(filepath.Join(root, "cgroup.subtree_control")); err != nil {
		t.Errorf("controllers are not passed on: %v", err)
	}
}

func TestCpusetStartsWithItsParents(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "cpuset.cpus"), "0-1\n")
	write(t, filepath.Join(root, "cpuset.mems"), "0\n")
	write(t, filepath.Join(root, "box", "cpuset.cpus"), "\n")
	write(t, filepath.Join(root, "box", "cpuset.mems"), "1\n")
	if err := inheritCpuset(filepath.Join(root, "box")); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"cpuset.cpus": "0-1\n", "cpuset.mems": "1\n"} {
		if body, err := os.ReadFile(filepath.Join(root, "box", file)); err != nil || string(body) != want {
			t.Errorf("%s = %q, %v; want %q", file, body, err, want)
		}
	}
}

func TestCgroupProcesses(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write(t, filepath.Join(a, "box", "system", "cgroup.procs"), "11\n12\n0\n")
	write(t, filepath.Join(b, "box", "kubepods", "pod", "cgroup.procs"), "12\n13\n")
	write(t, filepath.Join(b, "other", "cgroup.procs"), "99\n")
	got := CgroupProcesses([]Hierarchy{{Path: a}, {Path: b}}, "box")
	slices.Sort(got)
	if !slices.Equal(got, []int{11, 12, 13}) {
		t.Errorf("got %v", got)
	}
}

func TestRemoveCgroup(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"box/system", "box/kubepods/besteffort/pod1", "other"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hierarchies := []Hierarchy{{Path: root}, {Path: filepath.Join(root, "missing")}}
	if err := RemoveCgroup(hierarchies, "box", time.Second); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(root)
	if err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("left: %v, %v", left, err)
	}
	// An ordinary file stands for what the kernel does not let go of.
	write(t, filepath.Join(root, "stuck", "file"), "")
	if err := RemoveCgroup(hierarchies, "stuck", 0); err == nil {
		t.Error("a cgroup that cannot be removed is not reported")
	}
}
