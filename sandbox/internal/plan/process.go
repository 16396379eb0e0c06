package plan

import (
	"fmt"
	"net"
	"strconv"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Process is one program of the sandbox. Its name is also its log's.
type Process struct {
	Name string
	Path string
	Args []string
	// Ready is an address that accepts connections (unix:PATH or HOST:PORT)
	// or an https URL that answers 200, once the process does its work.
	Ready string
}

// Names of the processes.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Containerd        = "containerd"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	MetricsServer     = "metrics-server"
	Kwok              = "kwok"
)

// ContainerdSocket is where containerd listens, in the sandbox's mount
// namespace.
const ContainerdSocket = "/run/containerd/containerd.sock"

// planner builds processes of one sandbox.
type planner struct {
	Spec
	dir state.Dir
}

// Processes are all the programs of the sandbox, by name.
func Processes(s Spec, dir state.Dir) map[string]Process {
	p := planner{Spec: s, dir: dir}
	list := []Process{p.etcd(), p.apiServer(), p.controllerManager(), p.scheduler()}
	if s.Real {
		list = append(list, p.containerd(), p.kubelet(), p.proxy(), p.metricsServer())
	}
	if s.FakeNodes > 0 {
		list = append(list, p.kwok())
	}
	byName := map[string]Process{}
	for _, one := range list {
		byName[one.Name] = one
	}
	return byName
}

func (p planner) pki(name string) string    { return p.dir.In("pki", name) }
func (p planner) config(name string) string { return p.dir.In("config", name) }

func (p planner) etcdURL() string { return "https://127.0.0.1:" + port(p.EtcdPort, 2379) }

func port(chosen, fallback int) string {
	if chosen == 0 {
		chosen = fallback
	}
	return strconv.Itoa(chosen)
}

func (p planner) etcd() Process {
	peer := "https://127.0.0.1:" + port(p.EtcdPeerPort, 2380)
	return Process{Name: Etcd, Path: p.Bin(build.Etcd, "etcd"), Ready: "127.0.0.1:" + port(p.EtcdPort, 2379), Args: []string{
		"--name=sandbox", "--data-dir=" + p.dir.In("data", "etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls=" + p.etcdURL(), "--advertise-client-urls=" + p.etcdURL(),
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=sandbox=" + peer,
		"--cert-file=" + p.pki("etcd.crt"), "--key-file=" + p.pki("etcd.key"), "--trusted-ca-file=" + p.pki("etcd-ca.crt"), "--client-cert-auth",
		"--peer-cert-file=" + p.pki("etcd.crt"), "--peer-key-file=" + p.pki("etcd.key"), "--peer-trusted-ca-file=" + p.pki("etcd-ca.crt"), "--peer-client-cert-auth",
	}}
}

func (p planner) apiServer() Process {
	host, apiPort, _ := net.SplitHostPort(p.APIAddress())
	args := []string{APIServer,
		"--secure-port=" + apiPort,
		"--etcd-servers=" + p.etcdURL(), "--etcd-cafile=" + p.pki("etcd-ca.crt"),
		"--etcd-certfile=" + p.pki("apiserver-etcd-client.crt"), "--etcd-keyfile=" + p.pki("apiserver-etcd-client.key"),
		"--service-cluster-ip-range=" + ServiceCIDR,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--client-ca-file=" + p.pki("ca.crt"),
		"--tls-cert-file=" + p.pki("apiserver.crt"), "--tls-private-key-file=" + p.pki("apiserver.key"),
		"--kubelet-client-certificate=" + p.pki("apiserver-kubelet-client.crt"), "--kubelet-client-key=" + p.pki("apiserver-kubelet-client.key"),
		"--kubelet-certificate-authority=" + p.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.pki("sa.pub"), "--service-account-signing-key-file=" + p.pki("sa.key"),
		"--requestheader-client-ca-file=" + p.pki("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + p.pki("front-proxy-client.crt"), "--proxy-client-key-file=" + p.pki("front-proxy-client.key"),
		"--enable-aggregator-routing=true",
		"--audit-policy-file=" + p.config("audit-policy.yaml"), "--audit-log-path=" + p.dir.AuditLog(), "--audit-log-format=json", "--audit-log-mode=blocking",
	}
	if p.Real {
		args = append(args, "--advertise-address="+host)
	} else {
		// Endpoints may not be loopback addresses, so nobody writes them.
		args = append(args, "--bind-address="+host, "--endpoint-reconciler-type=none")
	}
	return Process{Name: APIServer, Path: p.Kube(), Args: args, Ready: p.Server() + "/readyz"}
}

// manages are the flags that the controller manager and the scheduler share.
func (p planner) manages(name string, securePort string) []string {
	kubeconfig := p.pki(name + ".kubeconfig")
	return []string{name, "--bind-address=127.0.0.1", "--secure-port=" + securePort,
		"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--requestheader-client-ca-file=" + p.pki("front-proxy-ca.crt"), "--client-ca-file=" + p.pki("ca.crt")}
}

func (p planner) controllerManager() Process {
	securePort := port(p.ManagerPort, 10257)
	args := append(p.manages(ControllerManager, securePort),
		"--kubeconfig="+p.pki(ControllerManager+".kubeconfig"), "--leader-elect=false", "--use-service-account-credentials=true",
		"--service-account-private-key-file="+p.pki("sa.key"), "--root-ca-file="+p.pki("ca.crt"),
		"--cluster-signing-cert-file="+p.pki("ca.crt"), "--cluster-signing-key-file="+p.pki("ca.key"),
		"--allocate-node-cidrs=false", "--cluster-name=sandbox-"+p.Name, "--kube-api-qps=200", "--kube-api-burst=400")
	return Process{Name: ControllerManager, Path: p.Kube(), Args: args, Ready: "https://127.0.0.1:" + securePort + "/healthz"}
}

func (p planner) scheduler() Process {
	securePort := port(p.SchedulerPort, 10259)
	args := append(p.manages(Scheduler, securePort), "--config="+p.config("scheduler.yaml"))
	return Process{Name: Scheduler, Path: p.Kube(), Args: args, Ready: "https://127.0.0.1:" + securePort + "/healthz"}
}

func (p planner) containerd() Process {
	return Process{Name: Containerd, Path: p.Bin(build.Containerd, "containerd"), Args: []string{"--config", p.config("containerd.toml")}, Ready: "unix:" + ContainerdSocket}
}

func (p planner) kubelet() Process {
	return Process{Name: Kubelet, Path: p.Kube(), Ready: "127.0.0.1:10248", Args: []string{Kubelet,
		"--config=" + p.config("kubelet.yaml"), "--kubeconfig=" + p.pki("kubelet-client.kubeconfig"),
		"--hostname-override=" + NodeName, "--node-ip=" + NodeIP, "--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet/pki"}}
}

func (p planner) proxy() Process {
	return Process{Name: Proxy, Path: p.Kube(), Args: []string{Proxy, "--config=" + p.config("proxy.yaml")}, Ready: "127.0.0.1:10249"}
}

func (p planner) metricsServer() Process {
	kubeconfig := p.pki(MetricsServer + ".kubeconfig")
	return Process{Name: MetricsServer, Path: p.Bin(build.MetricsServer, "metrics-server"), Ready: fmt.Sprintf("%s:%d", NodeIP, MetricsPort), Args: []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		fmt.Sprintf("--secure-port=%d", MetricsPort), "--tls-cert-file=" + p.pki("metrics-server-serving.crt"), "--tls-private-key-file=" + p.pki("metrics-server-serving.key"),
		"--kubelet-certificate-authority=" + p.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=10s", "--kubelet-request-timeout=5s"}}
}

func (p planner) kwok() Process {
	return Process{Name: Kwok, Path: p.Bin(build.Kwok, "kwok"), Args: []string{
		"--kubeconfig=" + p.pki("kwok.kubeconfig"), "--config=" + p.config("kwok-stages.yaml"),
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--node-lease-duration-seconds=40", "--cidr=10.200.0.1/16"}}
}
