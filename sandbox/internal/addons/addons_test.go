package addons

import (
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/build"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
)

func TestEveryObjectHasItsPlaceInTheAPI(t *testing.T) {
	spec := plan.Spec{Bins: map[build.Name]build.Bin{build.CoreDNS: {Version: "v1.2.3"}}}
	objects, err := Objects(spec, []byte("PEM"))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, o := range objects {
		paths = append(paths, o.Path)
	}
	got := strings.Join(paths, "\n")
	want := strings.Join([]string{
		"/api/v1/namespaces/kube-system/serviceaccounts/coredns",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:coredns",
		"/api/v1/namespaces/kube-system/configmaps/coredns",
		"/api/v1/namespaces/kube-system/services/kube-dns",
		"/apis/apps/v1/namespaces/kube-system/deployments/coredns",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:metrics-server",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:metrics-server",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/metrics-server:system:auth-delegator",
		"/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings/metrics-server-auth-reader",
		"/api/v1/namespaces/kube-system/services/metrics-server",
		"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/metrics-server",
		"/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io",
	}, "\n")
	if got != want {
		t.Errorf("paths:\n%s\nwant:\n%s", got, want)
	}
	if !strings.Contains(string(objects[5].Body), "image: sandbox.local/coredns:v1.2.3") {
		t.Errorf("the DNS does not run the image that is loaded:\n%s", objects[5].Body)
	}
	if _, err := apiPath("kind: Pod\n"); err == nil {
		t.Error("an object without a name has a path")
	}
}

func TestFakeNodesAreKeptApartFromARealOne(t *testing.T) {
	if _, tainted := fakeNode(1, false)["spec"].(map[string]any)["taints"]; tainted {
		t.Error("fake nodes alone are tainted")
	}
	if _, tainted := fakeNode(1, true)["spec"].(map[string]any)["taints"]; !tainted {
		t.Error("fake nodes beside a real one are not tainted")
	}
	zones, addresses := map[any]bool{}, map[string]bool{}
	for i := 1; i <= 600; i++ {
		node := fakeNode(i, false)
		zones[node["metadata"].(map[string]any)["labels"].(map[string]string)["topology.kubernetes.io/zone"]] = true
		addresses[node["status"].(map[string]any)["addresses"].([]map[string]string)[0]["address"]] = true
	}
	if len(zones) != 3 || len(addresses) != 600 {
		t.Errorf("%d zones, %d addresses", len(zones), len(addresses))
	}
}
