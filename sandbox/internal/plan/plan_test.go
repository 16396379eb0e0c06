package plan

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

func testDir(t *testing.T, name string) state.Dir {
	t.Helper()
	dir, err := state.Open(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func testSpec(realNode bool) Spec {
	return Spec{Name: "a", Real: realNode, APIPort: 40001, EtcdPort: 40002, EtcdPeerPort: 40003, ManagerPort: 40004, SchedulerPort: 40005,
		Bins: map[build.Name]build.Bin{build.CoreDNS: {Version: "v1.14.7"}}, Tools: Tools{Runc: "/usr/sbin/runc", CNI: "/usr/lib/cni"}}
}

func config(t *testing.T, dir state.Dir, name string) string {
	t.Helper()
	body, err := os.ReadFile(dir.In("config", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestWriteConfig(t *testing.T) {
	dir, spec := testDir(t, "a"), testSpec(true)
	spec.FastBackoff = true
	if err := WriteConfig(spec, dir, Host{Snapshotter: "native", RestrictOOM: true}); err != nil {
		t.Fatal(err)
	}
	for file, wants := range map[string][]string{
		"containerd.toml":      {`snapshotter = "native"`, "use_local_image_pull = true", "restrict_oom_score_adj = true", `BinaryName = "/usr/sbin/runc"`, `bin_dirs = ["/usr/lib/cni"]`},
		"kubelet.yaml":         {`cgroupRoot: "/msa-a-`, "maxContainerRestartPeriod: 2s", `clusterDNS: ["10.96.0.10"]`, "failCgroupV1: false", "nodefs.available: 500Mi"},
		"proxy.yaml":           {"mode: nftables", dir.In("pki")},
		"resolv.conf":          {"nameserver 172.30.0.2"},
		"cni/10-pods.conflist": {`"subnet": "10.244.0.0/16"`},
		"kwok-stages.yaml":     {"{{ $now := Now }}"},
	} {
		for _, want := range wants {
			if body := config(t, dir, file); !strings.Contains(body, want) {
				t.Errorf("%s lacks %q:\n%s", file, want, body)
			}
		}
	}
	spec.FastBackoff = false
	if err := WriteConfig(spec, dir, Host{Snapshotter: "overlayfs"}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(config(t, dir, "kubelet.yaml"), "crashLoopBackOff") {
		t.Error("the back-off is short without being asked for")
	}
	if body := config(t, dir, "containerd.toml"); !strings.Contains(body, "use_local_image_pull = false") || !strings.Contains(body, "restrict_oom_score_adj = false") {
		t.Errorf("containerd.toml:\n%s", body)
	}
}

func TestAnUnprivilegedSandboxListensOnLoopbackPortsOfItsOwn(t *testing.T) {
	all := Processes(testSpec(false), testDir(t, "a"))
	if _, there := all[Kubelet]; there {
		t.Error("there is a kubelet without a real node")
	}
	api := all[APIServer]
	for _, want := range []string{"--secure-port=40001", "--bind-address=127.0.0.1", "--endpoint-reconciler-type=none", "--etcd-servers=https://127.0.0.1:40002"} {
		if !slices.Contains(api.Args, want) {
			t.Errorf("the API server lacks %s: %v", want, api.Args)
		}
	}
	if !slices.Contains(all[Etcd].Args, "--listen-client-urls=https://127.0.0.1:40002") {
		t.Errorf("etcd: %v", all[Etcd].Args)
	}
	if got := all[Scheduler].Ready; got != "https://127.0.0.1:40005/healthz" {
		t.Errorf("scheduler is asked at %s", got)
	}
}

func TestKwokRunsOnlyForFakeNodes(t *testing.T) {
	spec := testSpec(true)
	if _, there := Processes(spec, testDir(t, "a"))[Kwok]; there {
		t.Error("kwok without fake nodes")
	}
	spec.FakeNodes = 1
	if _, there := Processes(spec, testDir(t, "a"))[Kwok]; !there {
		t.Error("fake nodes without kwok")
	}
}

func TestCgroupIsItsOwnForEveryDirectory(t *testing.T) {
	one, two := Cgroup(state.At("/home/a/run/dev")), Cgroup(state.At("/home/b/run/dev"))
	if one == two || !strings.HasPrefix(one, "msa-dev-") {
		t.Errorf("%s and %s", one, two)
	}
}

func TestWritePKI(t *testing.T) {
	dir, spec := testDir(t, "a"), testSpec(true)
	if err := WritePKI(spec, dir); err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(dir.Kubeconfig())
	if err != nil || !strings.Contains(string(admin), "https://127.0.0.1:40001") {
		t.Errorf("the administrator's kubeconfig does not lead to the host's port: %v\n%s", err, admin)
	}
	kubelet, err := os.ReadFile(dir.In("pki", "kubelet-client.kubeconfig"))
	if err != nil || !strings.Contains(string(kubelet), "https://172.30.0.2:6443") {
		t.Errorf("the kubelet's kubeconfig does not lead to the node: %v\n%s", err, kubelet)
	}
	for _, path := range []string{dir.Kubeconfig(), dir.In("pki", "ca.key"), dir.In("pki", "sa.key")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v, %v", path, info.Mode(), err)
		}
	}
	user, err := UserKubeconfig(spec, dir, "alice", []string{"dev"})
	if err != nil || !strings.Contains(string(user), "https://127.0.0.1:40001") {
		t.Errorf("a user's kubeconfig: %v\n%s", err, user)
	}
}
