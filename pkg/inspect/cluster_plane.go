package inspect

import (
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// identityLabel marks the Lease that each API server keeps for itself
// (k8s.io/kubernetes/pkg/controlplane, since 1.26).
const identityLabel = "apiserver.kubernetes.io/identity"

// controlPlane are the parts that every cluster has, by what the API shows of them.
func (t clusterTeller) controlPlane() []Part {
	parts := []Part{t.apiServer(), t.etcd()}
	for _, c := range []struct{ role, lease string }{{"scheduler", "kube-scheduler"}, {"controller-manager", "kube-controller-manager"}} {
		parts = append(parts, t.leader(c.role, c.lease))
	}
	if _, a := snapshot.Get[*coordinationv1.Lease](t.s, systemNamespace, "cloud-controller-manager"); a.State == snapshot.Present {
		parts = append(parts, t.leader("cloud-controller-manager", "cloud-controller-manager"))
	}
	return parts
}

// apiServer answers for itself; several are told by their Leases.
func (t clusterTeller) apiServer() Part {
	p := Part{Role: "api-server", Name: "kube-apiserver", Health: Unknown, Basis: "/livez, /readyz"}
	var failed []string
	seen := 0
	for _, h := range []HealthAnswer{t.answers.Live, t.answers.Ready} {
		if h.Why == "" && (h.OK || len(h.Failed) > 0) {
			seen++
			for _, f := range h.Failed {
				failed = addNew(failed, f)
			}
		}
	}
	n := 0
	for _, o := range t.s.OfKind("Lease", systemNamespace) {
		if l, ok := o.(*coordinationv1.Lease); ok && labelled(identityLabel, "kube-apiserver")(l) && t.renewed(l) {
			n++
		}
	}
	instances := ""
	if n > 0 {
		instances = strconv.Itoa(n)
	}
	switch {
	case seen == 0:
		return t.unseen(p.Role, p.Name, p.Basis, t.answers.Ready.Why)
	case len(failed) > 0:
		p.Health, p.Status = Unwell, t.say("cluster-checks-failed", map[string]any{"checks": strings.Join(failed, ", ")})
	default:
		p.Health, p.Status = Healthy, t.say("cluster-checks-passed", map[string]any{"n": len(t.answers.Ready.Passed), "instances": instances})
		if seen == 1 { // one of the two could not be asked
			p.Health = Unknown
		}
	}
	return p
}

// etcd is known by the API server's own check of it, and by its pods where they are in the cluster.
func (t clusterTeller) etcd() Part {
	p := Part{Role: "etcd", Name: "etcd", Basis: "/readyz"}
	for _, name := range t.answers.Ready.Failed {
		if strings.HasPrefix(name, "etcd") {
			p.Health, p.Status = Unwell, t.say("cluster-check-failed", map[string]any{"check": name})
			return p
		}
	}
	for _, name := range t.answers.Ready.Passed {
		if name == "etcd" {
			p.Health, p.Status = Healthy, t.say("cluster-etcd-answers", nil)
		}
	}
	pods, health, status := t.workloads("Pod", systemNamespace, labelled("component", "etcd"))
	if len(pods) > 0 {
		p.Basis += ", " + t.say("cluster-pods", map[string]any{"n": len(pods), "label": "component=etcd"})
		if health != Healthy {
			p.Health, p.Status = health, status
		}
	}
	if p.Health == "" {
		return t.unseen(p.Role, p.Name, p.Basis, t.answers.Ready.Why)
	}
	return p
}

// leader is a component that works only while it holds its Lease.
func (t clusterTeller) leader(role, name string) Part {
	p := Part{Role: role, Name: name, Basis: "lease " + systemNamespace + "/" + name}
	l, a := snapshot.Get[*coordinationv1.Lease](t.s, systemNamespace, name)
	pods, health, status := t.workloads("Pod", systemNamespace, labelled("component", name))
	if len(pods) > 0 {
		p.Basis += ", " + t.say("cluster-pods", map[string]any{"n": len(pods), "label": "component=" + name})
	}
	if a.State != snapshot.Present {
		if len(pods) > 0 {
			p.Health, p.Status = health, status
			return p
		}
		return t.unseen(role, name, p.Basis, a.Why)
	}
	told := t.e.lease(l)
	p.Health, p.Status = told.health, told.status
	if !t.renewed(l) && p.Health != Healthy && l.Spec.RenewTime != nil {
		p.Health = Unwell
	}
	if p.Health == Healthy && len(pods) > 0 && health == Unwell {
		p.Health, p.Status = health, status
	}
	return p
}

// renewed says that a Lease is held now.
func (t clusterTeller) renewed(l *coordinationv1.Lease) bool {
	if l.Spec.RenewTime == nil || l.Spec.LeaseDurationSeconds == nil {
		return false
	}
	return t.s.TakenAt.Sub(l.Spec.RenewTime.Time) <= time.Duration(*l.Spec.LeaseDurationSeconds)*time.Second
}

// nodes are told one by one; the renderer folds those that are alike.
func (t clusterTeller) nodes() []ClusterNode {
	out := []ClusterNode{}
	for _, o := range t.s.OfKind("Node", "") {
		node, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		i := node.Status.NodeInfo
		n := ClusterNode{Name: node.Name, Roles: rolesOf(node), Version: i.KubeletVersion, Runtime: i.ContainerRuntimeVersion, System: i.OSImage, Arch: i.Architecture}
		n.Health, n.Status = t.e.kindStatus(node)
		var trouble []string
		for _, c := range node.Status.Conditions {
			if c.Type != corev1.NodeReady && c.Status == corev1.ConditionTrue && strings.HasSuffix(string(c.Type), "Pressure") {
				trouble = append(trouble, string(c.Type))
			}
		}
		if len(trouble) > 0 {
			n.Health, n.Status = Unwell, n.Status+", "+strings.Join(trouble, ", ")
		}
		n.Skew, n.SkewOK = skewOf(t.version, i.KubeletVersion)
		out = append(out, n)
	}
	return out
}

func rolesOf(node *corev1.Node) string {
	var roles []string
	for _, k := range sortedKeys(node.Labels) {
		if role, ok := strings.CutPrefix(k, "node-role.kubernetes.io/"); ok && role != "" {
			roles = append(roles, role)
		}
	}
	return strings.Join(roles, ",")
}
