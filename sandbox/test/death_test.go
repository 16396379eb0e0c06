//go:build linux

package test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervisor finds the process id of a sandbox's supervisor.
func supervisor(t *testing.T, b box) int {
	t.Helper()
	for line := range strings.Lines(b.do(t, "status")) {
		if text, ok := strings.CutPrefix(line, "supervisor: "); ok {
			number, _, _ := strings.Cut(text, ",")
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the status names no supervisor")
	return 0
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

// TestKilledWhileStarting kills `up` at several points of the start. Whatever
// is left running, `down` ends it and removes every trace.
func TestKilledWhileStarting(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	program := buildStatic(t, "../cmd/sandbox")
	newBox(t, program, "built").do(t, "build")
	for _, after := range []time.Duration{5 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 600 * time.Millisecond, 4 * time.Second} {
		b := newBox(t, program, "k")
		up := b.command("up")
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		kill(t, up.Process.Pid)
		_ = up.Wait()
		b.do(t, "down")
		if left := remains(t, b, ""); len(left) > 0 {
			t.Errorf("killed after %s, left: %s", after, strings.Join(left, "\n"))
		}
	}
	if now := hostState(t); now != before {
		t.Errorf("the machine was\n%s\nand is now\n%s", before, now)
	}
}

// TestUpAfterAKill brings a sandbox up over what a killed one left.
func TestUpAfterAKill(t *testing.T) {
	needRoot(t)
	b := newBox(t, buildStatic(t, "../cmd/sandbox"), "u")
	b.do(t, "up")
	kill(t, supervisor(t, b))
	eventually(t, 20*time.Second, func() (bool, string) {
		return b.command("status").Run() != nil, "the status says that a killed sandbox is up"
	})
	b.do(t, "up")
	b.do(t, "kubectl", "wait", "--for=condition=Ready", "node/node-1", "--timeout=10s")
}

// TestWithoutRoot brings up a control plane with fake nodes as a user who may
// nothing.
func TestWithoutRoot(t *testing.T) {
	needRoot(t)
	const nobody = 65534
	program := buildStatic(t, "../cmd/sandbox")
	newBox(t, program, "built").do(t, "build")
	home := t.TempDir()
	open(t, filepath.Dir(program))
	open(t, home)
	source := filepath.Join(home, "sandbox")
	copyTree(t, "../components", filepath.Join(source, "components"))
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	copyTree(t, filepath.Join(cache, "kubectl-msa", "sandbox", "bin"), filepath.Join(home, "kubectl-msa", "sandbox", "bin"))
	if err := filepath.WalkDir(filepath.Join(home, "kubectl-msa"), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}); err != nil {
		t.Fatal(err)
	}
	b := box{program: program, name: "it-plain", env: []string{"HOME=" + home, "XDG_CACHE_HOME=" + home, "PATH=" + os.Getenv("PATH")}}
	asNobody := func(args ...string) (string, error) {
		cmd := b.command(args...)
		cmd.Dir = home
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	t.Cleanup(func() { _, _ = asNobody("down") })
	out, err := asNobody("--source", source, "up", "--fake-nodes", "3")
	if err != nil || !strings.Contains(out, "no real node: that needs Linux and root") {
		t.Fatalf("up: %v\n%s", err, out)
	}
	eventually(t, 30*time.Second, func() (bool, string) {
		out, err := asNobody("kubectl", "get", "nodes")
		return err == nil && strings.Count(out, " Ready ") == 3, out
	})
	if out, err := asNobody("run", "--", "true"); err == nil || !strings.Contains(out, "has no network of its own") {
		t.Errorf("run: %v: %s", err, out)
	}
	if out, err := asNobody("down"); err != nil {
		t.Fatalf("down: %v: %s", err, out)
	}
	left, err := os.ReadDir(filepath.Join(home, "kubectl-msa", "sandbox", "run"))
	if err != nil || len(left) > 0 {
		t.Errorf("down left %v, %v", left, err)
	}
	if pids := processesOf(nobody); len(pids) > 0 {
		t.Errorf("down left processes %v", pids)
	}
}

// open lets everybody through a directory and its parents below the
// temporary directory.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-r", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", from, err, out)
	}
}

// processesOf lists the live processes of a user.
func processesOf(uid uint32) []int {
	var pids []int
	if runtime.GOOS != "linux" {
		return nil
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		var stat syscall.Stat_t
		if syscall.Stat(dir, &stat) != nil || stat.Uid != uid {
			continue
		}
		state, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil || slices.Contains(strings.Fields(string(state)), "Z") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
