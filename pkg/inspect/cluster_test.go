package inspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func TestSkew(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		server, kubelet string
		behind          int
		allowed         *bool
	}{
		{"v1.37.0", "v1.37.2", 0, &yes}, {"v1.37.0", "v1.34.9", 3, &yes}, {"v1.37.0", "v1.33.1", 4, &no},
		{"v1.37.0-eks-ab12", "v1.38.0", -1, &no}, {"v1.27.0", "v1.24.0", 3, &no}, {"v1.26.0", "v1.24.0", 2, &yes},
		{"", "v1.37.0", 0, nil}, {"v1.37.0", "unknown", 0, nil},
	} {
		behind, allowed := skewOf(c.server, c.kubelet)
		if diff := cmp.Diff(c.allowed, allowed); diff != "" || behind != nil && *behind != c.behind {
			t.Errorf("%s and %s: %v %v", c.server, c.kubelet, behind, allowed)
		}
	}
}

func inspectCluster(t *testing.T, file string, a ClusterAnswers) ClusterReport {
	t.Helper()
	_, s := loadFixture(t, file)
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	r, err := InspectCluster(s, a, Options{Lang: lang.English, Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func roles(all []Part) map[string]Health {
	out := map[string]Health{}
	for _, p := range all {
		out[p.Role+" "+p.Name] = p.Health
	}
	return out
}

func TestClusterAtAGlance(t *testing.T) {
	ok := HealthAnswer{OK: true, Passed: []string{"ping", "etcd"}}
	r := inspectCluster(t, "testdata/cluster/cluster.yaml", ClusterAnswers{Live: ok, Ready: ok, Groups: []string{"monitoring.coreos.com", "metrics.k8s.io"}})
	want := map[string]Health{"api-server kube-apiserver": Healthy, "etcd etcd": Healthy, "scheduler kube-scheduler": Healthy, "controller-manager kube-controller-manager": Unwell}
	if diff := cmp.Diff(want, roles(r.Cluster.ControlPlane)); diff != "" {
		t.Error(diff)
	}
	want = map[string]Health{"dns CoreDNS": Healthy, "cni Flannel": Progressing, "metrics metrics-server": Healthy, "ingress ingress-nginx": Unknown, "monitoring Prometheus Operator": Unknown, "proxy kube-proxy": Healthy}
	if diff := cmp.Diff(want, roles(r.Cluster.Addons)); diff != "" {
		t.Error(diff)
	}
	if r.Cluster.Provider != "Amazon EKS" || len(r.Cluster.Nodes) != 2 {
		t.Errorf("provider %q, %d nodes", r.Cluster.Provider, len(r.Cluster.Nodes))
	}
	if n := r.Cluster.Nodes[1]; n.Name != "b" || n.Health != Unwell || n.SkewOK == nil || *n.SkewOK || *n.Skew != 5 {
		t.Errorf("node b: %+v", n)
	}
	var found []string
	for _, f := range r.Findings {
		found = append(found, f.Rule+" "+f.Object.String())
	}
	if diff := cmp.Diff([]string{"node/not-ready node/b", "node/version-skew daemonset/kube-proxy", "node/version-skew node/b"}, found); diff != "" {
		t.Error(diff)
	}
}

// What may not be read is not checked: neither well nor gone.
func TestClusterForbidden(t *testing.T) {
	no := HealthAnswer{Why: "forbidden: get /readyz"}
	r := inspectCluster(t, "testdata/cluster/forbidden.yaml", ClusterAnswers{Live: no, Ready: no, GroupsWhy: "forbidden: get /apis"})
	for _, p := range append(r.Cluster.ControlPlane, r.Cluster.Addons...) {
		if p.Health != Unknown {
			t.Errorf("%s %s is said to be %s", p.Role, p.Name, p.Health)
		}
	}
	if len(r.NotChecked) < 6 {
		t.Errorf("not checked: %+v", r.NotChecked)
	}
}

// A failing check of etcd is said where it belongs.
func TestClusterStoreDown(t *testing.T) {
	down := HealthAnswer{Passed: []string{"ping"}, Failed: []string{"etcd"}}
	r := inspectCluster(t, "testdata/cluster/cluster.yaml", ClusterAnswers{Live: down, Ready: down})
	got := roles(r.Cluster.ControlPlane)
	if got["etcd etcd"] != Unwell || got["api-server kube-apiserver"] != Unwell {
		t.Errorf("%v", got)
	}
}

// However big the cluster is, the lists are as many.
func TestClusterNeedsAreBounded(t *testing.T) {
	if n := len(clusterNeeds()); n == 0 || n > 15 { // 3 questions and one discovery come beside them
		t.Errorf("%d lists", n)
	}
}
