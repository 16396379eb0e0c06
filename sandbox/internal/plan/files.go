package plan

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"text/template"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/pki"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

//go:embed files
var files embed.FS

// Host is what the supervisor finds out about the machine before it renders
// the components' configuration.
type Host struct {
	// Snapshotter is overlayfs where the kernel can mount one on the state
	// directory, else native.
	Snapshotter string
	// RestrictOOM is set where CAP_SYS_RESOURCE is missing.
	RestrictOOM bool
}

// WriteConfig renders the configuration files into the state directory.
func WriteConfig(s Spec, dir state.Dir, host Host) error {
	values := map[string]any{
		"Snapshotter": host.Snapshotter, "RestrictOOM": host.RestrictOOM, "PauseImage": PauseImage,
		"Runc": s.Tools.Runc, "CNIBin": s.Tools.CNI, "CNIConf": dir.In("config", "cni"),
		"PodCIDR": PodCIDR, "DNSIP": DNSIP, "NodeIP": NodeIP, "NodeName": NodeName,
		"PKI": dir.In("pki"), "Config": dir.In("config"),
		"CgroupRoot": "/" + Cgroup(dir), "FastBackoff": s.FastBackoff,
	}
	if err := os.MkdirAll(dir.In("config", "cni"), 0o755); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	entries, err := files.ReadDir("files")
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	for _, e := range entries {
		body, err := files.ReadFile("files/" + e.Name())
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		// The stages are templates of kwok's own.
		if e.Name() != "kwok-stages.yaml" {
			if body, err = render(e.Name(), body, values); err != nil {
				return err
			}
		}
		path := dir.In("config", e.Name())
		if e.Name() == "cni.conflist" {
			path = dir.In("config", "cni", "10-pods.conflist")
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	return nil
}

func render(name string, text []byte, values map[string]any) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, values); err != nil {
		return nil, fmt.Errorf("config %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// admins is the group that RBAC lets do everything (RBAC documentation,
// "User-facing roles").
const admins = "system:masters"

// SupervisorUser is the name under which the sandbox itself talks to its API
// server, so that the audit log can tell it from everybody else.
const SupervisorUser = "sandbox-supervisor"

// clients are the parts that hold a kubeconfig. The user names are those that
// the bootstrap RBAC policy binds.
func clients() map[string]pki.Subject {
	return map[string]pki.Subject{
		"admin":                   {CommonName: "sandbox-admin", Groups: []string{admins}},
		"supervisor":              {CommonName: SupervisorUser, Groups: []string{admins}},
		"kwok":                    {CommonName: "kwok", Groups: []string{admins}},
		"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
		"kube-scheduler":          {CommonName: "system:kube-scheduler"},
		"kube-proxy":              {CommonName: "system:kube-proxy"},
		"kubelet-client":          {CommonName: "system:node:" + NodeName, Groups: []string{"system:nodes"}},
		"metrics-server":          {CommonName: "system:metrics-server"},
	}
}

// servers are the serving certificates, and the clients that use no
// kubeconfig.
func servers() map[string]pki.Subject {
	local := []string{"127.0.0.1", "::1", NodeIP}
	return map[string]pki.Subject{
		"apiserver": {CommonName: "kube-apiserver", IPs: append(local, APIServiceIP), DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
		"kubelet":                  {CommonName: "system:node:" + NodeName, Groups: []string{"system:nodes"}, IPs: local, DNSNames: []string{NodeName}},
		"metrics-server-serving":   {CommonName: "metrics-server", IPs: local, DNSNames: []string{"metrics-server.kube-system.svc"}},
		"apiserver-kubelet-client": {CommonName: "kube-apiserver-kubelet-client", Groups: []string{admins}},
	}
}

// WritePKI makes every key, certificate and kubeconfig of the sandbox.
func WritePKI(s Spec, dir state.Dir) error {
	if err := os.MkdirAll(dir.In("pki"), 0o700); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	ca, err := pki.NewAuthority("kubernetes")
	if err != nil {
		return err
	}
	front, err := pki.NewAuthority("front-proxy")
	if err != nil {
		return err
	}
	etcd, err := pki.NewAuthority("etcd")
	if err != nil {
		return err
	}
	err = errors.Join(ca.Save(dir.In("pki"), "ca"), front.Save(dir.In("pki"), "front-proxy-ca"), etcd.Save(dir.In("pki"), "etcd-ca"),
		sign(dir, front, "front-proxy-client", pki.Subject{CommonName: "front-proxy-client"}),
		sign(dir, etcd, "etcd", pki.Subject{CommonName: "etcd", IPs: []string{"127.0.0.1"}, DNSNames: []string{"localhost"}}),
		sign(dir, etcd, "apiserver-etcd-client", pki.Subject{CommonName: "kube-apiserver"}),
		writeServiceAccountKey(dir, ca))
	if err != nil {
		return err
	}
	for name, subject := range servers() {
		if err := sign(dir, ca, name, subject); err != nil {
			return err
		}
	}
	for name, subject := range clients() {
		pair, err := ca.Sign(subject)
		if err != nil {
			return err
		}
		server, path := s.Server(), dir.In("pki", name+".kubeconfig")
		if name == "admin" {
			server, path = s.HostServer(), dir.Kubeconfig()
		}
		if err := os.WriteFile(path, pki.Kubeconfig("sandbox-"+s.Name, server, ca.Cert, pair), 0o600); err != nil {
			return fmt.Errorf("pki: %w", err)
		}
		if name == "supervisor" {
			if err := pair.Save(dir.In("pki"), name); err != nil {
				return err
			}
		}
	}
	return nil
}

func sign(dir state.Dir, by pki.Authority, name string, subject pki.Subject) error {
	pair, err := by.Sign(subject)
	if err != nil {
		return err
	}
	return pair.Save(dir.In("pki"), name)
}

func writeServiceAccountKey(dir state.Dir, ca pki.Authority) error {
	pair, err := ca.Sign(pki.Subject{CommonName: "service-accounts"})
	if err != nil {
		return err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir.In("pki", "sa.pub"), public, 0o644); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	return pair.Save(dir.In("pki"), "sa")
}

// UserKubeconfig signs a kubeconfig for any user and groups, for use on the
// host.
func UserKubeconfig(s Spec, dir state.Dir, user string, groups []string) ([]byte, error) {
	pair, err := pki.LoadPair(dir.In("pki"), "ca")
	if err != nil {
		return nil, err
	}
	ca, err := pki.ParseAuthority(pair)
	if err != nil {
		return nil, err
	}
	signed, err := ca.Sign(pki.Subject{CommonName: user, Groups: groups})
	if err != nil {
		return nil, err
	}
	return pki.Kubeconfig("sandbox-"+s.Name, s.HostServer(), ca.Cert, signed), nil
}
