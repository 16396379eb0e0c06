// Package plan decides what a sandbox consists of: its addresses, its files
// and its processes with their arguments. It starts nothing.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Addresses inside a sandbox's network namespace. Every sandbox has the same
// ones, because no sandbox sees another.
const (
	NodeIP      = "172.30.0.2"
	NodeCIDR    = NodeIP + "/24"
	PodCIDR     = "10.244.0.0/16"
	ServiceCIDR = "10.96.0.0/16"
	// APIServiceIP is the `kubernetes` Service, the first of the range.
	APIServiceIP = "10.96.0.1"
	DNSIP        = "10.96.0.10"
	// MetricsPort is where metrics-server listens on the node.
	MetricsPort = 4443
	// RegistryAddress is the registry that misbehaves on demand.
	RegistryAddress = "127.0.0.1:5000"
)

// NodeName is the name of the real node.
const NodeName = "node-1"

// Images that the sandbox makes from static binaries.
const (
	PauseImage   = "sandbox.local/pause:1"
	coreDNSImage = "sandbox.local/coredns:"
)

// SpecFile is the name under which a Spec is stored in the state directory.
const SpecFile = "spec.json"

// Spec is what `up` was asked for and found out. It does not change while the
// sandbox lives.
type Spec struct {
	Name string `json:"name"`
	// Real is true when there is a real node, in namespaces of its own.
	Real bool `json:"real"`
	// FakeNodes is the number of nodes that kwok plays.
	FakeNodes int `json:"fakeNodes"`
	// FastBackoff shortens the kubelet's crash back-off to two seconds.
	FastBackoff bool `json:"fastBackoff"`
	// APIPort is the API server's port on the host's loopback.
	APIPort int `json:"apiPort"`
	// EtcdPort to KwokPort are free ports, in a sandbox without a namespace.
	EtcdPort      int                      `json:"etcdPort"`
	EtcdPeerPort  int                      `json:"etcdPeerPort"`
	ManagerPort   int                      `json:"managerPort"`
	SchedulerPort int                      `json:"schedulerPort"`
	Bins          map[build.Name]build.Bin `json:"bins"`
	Tools         Tools                    `json:"tools"`
}

// Tools are the host programs that a real node needs.
type Tools struct {
	Runc string `json:"runc"`
	// CNI is the directory of the CNI plugins.
	CNI string `json:"cni"`
}

// Bin is the path of a built program.
func (s Spec) Bin(component build.Name, program string) string {
	return filepath.Join(s.Bins[component].Dir, program)
}

// Kube is the multi-call binary of the Kubernetes components.
func (s Spec) Kube() string { return s.Bin(build.Kubernetes, "kubernetes") }

// CoreDNSImage is the image that the cluster DNS runs.
func (s Spec) CoreDNSImage() string { return coreDNSImage + s.Bins[build.CoreDNS].Version }

// HostServer is the API server's URL on the host.
func (s Spec) HostServer() string { return fmt.Sprintf("https://127.0.0.1:%d", s.APIPort) }

// Server is the API server's URL for the components.
func (s Spec) Server() string {
	if s.Real {
		return "https://" + s.APIAddress()
	}
	return s.HostServer()
}

// APIAddress is where the API server listens, as the components see it.
func (s Spec) APIAddress() string {
	if s.Real {
		return NodeIP + ":6443"
	}
	return fmt.Sprintf("127.0.0.1:%d", s.APIPort)
}

// Cgroup is the sandbox's cgroup below the root of every hierarchy. It carries
// a hash of the state directory, because two users may choose one name.
func Cgroup(dir state.Dir) string {
	sum := sha256.Sum256([]byte(dir.Path))
	return "msa-" + dir.Name + "-" + hex.EncodeToString(sum[:4])
}
