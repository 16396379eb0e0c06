//go:build linux

// Package test runs the sandbox program as a user does. It needs root on
// Linux, and the time of a first build when nothing is built yet.
package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/image"
)

const appImage = "sandbox.test/app:1"

// box is a sandbox of a test.
type box struct {
	program, name string
	env           []string
}

func needRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a cluster, which -short leaves out")
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("a real node needs root on Linux")
	}
}

func buildStatic(t *testing.T, pkg string) string {
	t.Helper()
	// Go's test cache knows the folders that a test reads: let it know what is built here.
	if err := filepath.WalkDir("..", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// newBox names a sandbox and makes sure that nothing of it outlives the test.
func newBox(t *testing.T, program, name string) box {
	t.Helper()
	b := box{program: program, name: fmt.Sprintf("it-%s-%d", name, os.Getpid())}
	t.Cleanup(func() {
		if out, err := b.command("down").CombinedOutput(); err != nil {
			t.Errorf("down: %v: %s", err, out)
		}
	})
	return b
}

func (b box) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.program, append([]string{"--name", b.name}, args...)...)
	if b.env != nil {
		cmd.Env = b.env
	}
	return cmd
}

// do runs the program and fails the test if the program fails.
func (b box) do(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := b.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("sandbox %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// stateDir is where the sandbox keeps everything.
func stateDir(t *testing.T, b box) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "kubectl-msa", "sandbox", "run", b.name)
}

// remains lists what a sandbox left on the machine.
func remains(t *testing.T, b box, apiPort string) []string {
	t.Helper()
	var found []string
	dir := stateDir(t, b)
	for _, path := range []string{dir, dir + ".lock"} {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, "file "+path)
		}
	}
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/msa-" + b.name + "-*")
	unified, _ := filepath.Glob("/sys/fs/cgroup/msa-" + b.name + "-*")
	for _, path := range append(cgroups, unified...) {
		found = append(found, "cgroup "+path)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), b.name) {
		found = append(found, "a mount")
	}
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range cmdlines {
		body, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(body), dir) && !strings.Contains(path, fmt.Sprintf("/%d/", os.Getpid())) {
			found = append(found, "process "+strings.ReplaceAll(string(body), "\x00", " "))
		}
	}
	if apiPort != "" {
		if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+apiPort, time.Second); err == nil {
			conn.Close()
			found = append(found, "a listener on port "+apiPort)
		}
	}
	return found
}

func apiPort(t *testing.T, b box) string {
	t.Helper()
	for line := range strings.Lines(b.do(t, "kubeconfig")) {
		if _, port, ok := strings.Cut(line, "https://127.0.0.1:"); ok {
			return strings.TrimSpace(port)
		}
	}
	t.Fatal("the kubeconfig names no port")
	return ""
}

// hostState is what of the machine's network and kernel a sandbox must not
// change.
func hostState(t *testing.T) string {
	t.Helper()
	var state strings.Builder
	for _, args := range [][]string{{"ip", "-brief", "link"}, {"ip", "route"}, {"nft", "list", "ruleset"}} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		state.Write(out)
	}
	for _, name := range []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"} {
		body, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&state, "%s=%s", name, body)
	}
	return state.String()
}

const workload = `
apiVersion: v1
kind: Pod
metadata: {name: app-of-web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: ` + appImage + `
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-pods}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nowhere}
spec: {containers: [{name: a, image: "registry.example.com/a:1"}]}
`

func TestLifeOfASandbox(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	program := buildStatic(t, "../cmd/sandbox")
	a := newBox(t, program, "a")
	a.do(t, "up")
	port := apiPort(t, a)
	a.do(t, "up")
	if again := apiPort(t, a); again != port {
		t.Errorf("a second up moved the API from %s to %s", port, again)
	}
	t.Run("pods", func(t *testing.T) { podsWork(t, a) })
	t.Run("pulls fail as they would", func(t *testing.T) { pullsFail(t, a) })
	t.Run("metrics", func(t *testing.T) {
		eventually(t, time.Minute, func() (bool, string) {
			out, err := a.command("kubectl", "top", "nodes").CombinedOutput()
			return err == nil && strings.Contains(string(out), "node-1"), string(out)
		})
	})
	t.Run("another one beside it", func(t *testing.T) { twoDoNotSeeEachOther(t, program, a) })
	a.do(t, "down")
	if left := remains(t, a, port); len(left) > 0 {
		t.Errorf("down left: %s", strings.Join(left, "\n"))
	}
	if after := hostState(t); after != before {
		t.Errorf("the machine was\n%s\nand is now\n%s", before, after)
	}
	a.do(t, "down")
}

func podsWork(t *testing.T, b box) {
	app := buildStatic(t, "./testdata/app")
	body, err := os.ReadFile(app)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "app.tar")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(f, appImage, image.Config{Entrypoint: []string{"/app"}, Architecture: runtime.GOARCH}, image.File{Path: "app", Data: body}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.do(t, "load", archive)
	apply := b.command("kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader(workload)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("apply: %v: %s", err, out)
	}
	b.do(t, "kubectl", "wait", "--for=condition=Ready", "--timeout=60s", "pod/app-of-web")
	if log := b.do(t, "kubectl", "logs", "app-of-web"); !strings.Contains(log, "serving") {
		t.Errorf("log = %q", log)
	}
	ip := b.do(t, "kubectl", "get", "pod", "app-of-web", "-o", "jsonpath={.status.podIP}")
	clusterIP := b.do(t, "kubectl", "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	fetch := func(url string) string {
		t.Helper()
		var out string
		eventually(t, 20*time.Second, func() (bool, string) {
			body, err := b.command("run", "--", app, "fetch", url).CombinedOutput()
			out = string(body)
			return err == nil, out
		})
		return out
	}
	for _, url := range []string{"http://" + ip + ":8080/", "http://" + clusterIP + "/", "http://172.30.0.2:30080/", "http://web.default.svc.cluster.local/"} {
		if got := fetch(url); !strings.Contains(got, "web") {
			t.Errorf("%s answers %q", url, got)
		}
	}
	for name, want := range map[string]string{"web": clusterIP, "web.default": clusterIP, "web-pods": ip, "kubernetes.default.svc.cluster.local": "10.96.0.1", "example.com": ""} {
		var answer struct {
			Addresses []string
			Error     string
		}
		line := fetch("http://" + ip + ":8080/resolve?name=" + name)
		if err := json.Unmarshal([]byte(line[strings.Index(line, "{"):strings.LastIndex(line, "}")+1]), &answer); err != nil {
			t.Fatalf("%s: %v: %q", name, err, line)
		}
		if want == "" {
			if !strings.Contains(answer.Error, "no such host") {
				t.Errorf("%s: %+v, want no such host", name, answer)
			}
		} else if strings.Join(answer.Addresses, ",") != want {
			t.Errorf("%s resolves in a pod to %+v, want %s", name, answer, want)
		}
	}
	if got := fetch("http://" + ip + ":8080/fetch?url=http://web/"); !strings.Contains(got, "web") {
		t.Errorf("a pod that asks its own Service gets %q", got)
	}
}

func pullsFail(t *testing.T, b box) {
	for name, want := range map[string]string{
		"notfound": "not found", "private": "authorization failed", "limited": "429 Too Many Requests", "other-arch": "no match for platform",
	} {
		b.do(t, "kubectl", "run", "pull-"+name, "--image=127.0.0.1:5000/"+name+"/x:1")
		waitMessage(t, b, "pull-"+name, want)
	}
	waitMessage(t, b, "nowhere", "no such host")
	b.do(t, "kubectl", "run", "pull-ok", "--image=127.0.0.1:5000/ok/x:1")
	b.do(t, "kubectl", "wait", "--for=condition=Ready", "--timeout=60s", "pod/pull-ok")
}

func waitMessage(t *testing.T, b box, pod, want string) {
	t.Helper()
	eventually(t, time.Minute, func() (bool, string) {
		out := b.do(t, "kubectl", "get", "events", "--field-selector", "involvedObject.name="+pod, "-o", "jsonpath={.items[*].message}")
		return strings.Contains(out, want), out
	})
}

func twoDoNotSeeEachOther(t *testing.T, program string, a box) {
	b := newBox(t, program, "b")
	b.do(t, "up")
	a.do(t, "kubectl", "create", "namespace", "only-in-a")
	if out := b.do(t, "kubectl", "get", "namespaces"); strings.Contains(out, "only-in-a") {
		t.Error("the sandboxes share an API server")
	}
	port := apiPort(t, b)
	kill(t, supervisor(t, b))
	b.do(t, "down")
	if left := remains(t, b, port); len(left) > 0 {
		t.Errorf("a killed sandbox left: %s", strings.Join(left, "\n"))
	}
	a.do(t, "status")
	a.do(t, "kubectl", "get", "pod", "app-of-web")
}

func eventually(t *testing.T, within time.Duration, f func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, seen := f()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s; last seen: %s", within, seen)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
