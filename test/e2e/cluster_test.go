package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// A cluster costs at most 20 requests, and its control plane is seen by what the API shows of it.
func TestInspectCluster(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	got := workshop.Run(t, c.Kubeconfig(), "inspect", "cluster", "-o", "json")
	var r inspect.ClusterReport
	if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != 0 {
		t.Fatalf("exit code %d, %v: %s", got.Code, err, got.Stderr)
	}
	if r.Requests == 0 || r.Requests > 20 {
		t.Errorf("%d requests, want at most 20", r.Requests)
	}
	for _, p := range r.Cluster.ControlPlane { // what elects no leader leaves nothing to be seen of it
		seen := p.Role == "api-server" || p.Role == "etcd"
		if p.Health == inspect.Unwell || seen && p.Health != inspect.Healthy {
			t.Errorf("%s is %s: %s (%s)", p.Name, p.Health, p.Status, p.Basis)
		}
	}
	if len(r.Cluster.Nodes) == 0 || !strings.HasPrefix(r.Cluster.Version, "v1.") {
		t.Errorf("%d nodes, version %q", len(r.Cluster.Nodes), r.Cluster.Version)
	}
	for _, n := range r.Cluster.Nodes {
		if n.SkewOK == nil || !*n.SkewOK {
			t.Errorf("node %s: %+v", n.Name, n)
		}
	}
	reader := c.KubeconfigFor(t, "no-cluster-reader", nil)
	if got := workshop.Run(t, reader, "inspect", "cluster", "--strict"); got.Code != 4 || strings.Contains(got.Stdout, "✗") {
		t.Errorf("with no rights: exit code %d\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
}

// While nothing changes, a watch asks once for what it shows, and once more to watch it.
func TestInspectWatchIsNoPoll(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(workload, 1, "        args: [sleep, forever]"))
	c.Kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=3m")
	since := time.Now()
	got := workshop.Run(t, c.Kubeconfig(), "inspect", "deployment/web", "-n", ns, "--watch", "--timeout", "25s")
	if got.Code != 124 || !strings.Contains(got.Stdout, "deployment/web") {
		t.Fatalf("exit code %d\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
	asked := map[string]int{}
	for _, r := range c.Audit(t, "kubectl-msa/", since) {
		if r.Namespace == ns {
			asked[r.Verb+" "+r.Resource+" "+r.Name]++
		}
	}
	for what, n := range asked {
		if n > 4 { // events of the namespace may still come in and be read about
			t.Errorf("%d times %s", n, what)
		}
	}
	if len(asked) == 0 {
		t.Error("the audit log has none of its requests")
	}
}

// The question about traffic is answered from what the cluster holds.
func TestInspectTraffic(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(workload, 1, "        args: [sleep, forever]"))
	ask := func() policy.Answer {
		got := workshop.Run(t, c.Kubeconfig(), "inspect", "networkpolicy", "-n", ns, "--from", "deployment/web", "--to", "service/web", "--port", "80", "-o", "json")
		var r inspect.TrafficReport
		if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != 0 || r.Requests > 10 {
			t.Fatalf("exit code %d, %d requests, %v: %s", got.Code, r.Requests, err, got.Stderr)
		}
		return r.Passes
	}
	c.Kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=3m")
	if a := ask(); a != policy.Yes {
		t.Errorf("without policies: %s", a)
	}
	c.Kubectl(t, "-n", ns, "scale", "deployment/web", "--replicas=2")
	c.Kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=3m")
	c.Apply(t, ns, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Ingress]}")
	if a := ask(); a != policy.Partly { // a pod reaches itself, and not the other one
		t.Errorf("with everything denied: %s", a)
	}
	c.Apply(t, ns, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]}")
	if a := ask(); a != policy.Yes {
		t.Errorf("with a rule for it: %s", a)
	}
}

// otherPolicies is a kind of policy that network plugins bring, as small as may be.
const otherPolicies = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ciliumnetworkpolicies.cilium.io}
spec:
  group: cilium.io
  scope: Namespaced
  names: {kind: CiliumNetworkPolicy, listKind: CiliumNetworkPolicyList, plural: ciliumnetworkpolicies, singular: ciliumnetworkpolicy}
  versions: [{name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

// Where the cluster has policies of another kind, the answer is not certain; where it only could, it is.
func TestInspectTrafficBesideOtherPolicies(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(workload, 1, "        args: [sleep, forever]"))
	c.Apply(t, ns, otherPolicies)
	t.Cleanup(func() { // t.Context is over by then
		definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
		_ = c.Dynamic().Resource(definitions).Delete(context.Background(), "ciliumnetworkpolicies.cilium.io", metav1.DeleteOptions{})
	})
	c.WaitFor(t, "the other policies to be served", time.Minute, func(context.Context) (bool, string, error) {
		_, err := c.Typed().Discovery().ServerResourcesForGroupVersion("cilium.io/v2")
		return err == nil, fmt.Sprint(err), nil
	})
	ask := func(lang string) (inspect.TrafficReport, string) {
		args := []string{"inspect", "networkpolicy", "-n", ns, "--from", "203.0.113.9", "--to", "service/web", "--lang", lang} // a pod always reaches itself
		got := workshop.Run(t, c.Kubeconfig(), append(args, "-o", "json")...)
		var r inspect.TrafficReport
		if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != 0 || r.Requests > 10 {
			t.Fatalf("exit code %d, %d requests, %v: %s", got.Code, r.Requests, err, got.Stderr)
		}
		return r, workshop.Run(t, c.Kubeconfig(), args...).Stdout
	}
	if r, text := ask("en"); r.Passes != policy.Yes || len(r.NotChecked) != 0 {
		t.Errorf("of a kind of which there is none: %s\n%s", r.Passes, text)
	}
	c.Apply(t, ns, "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: strict}\nspec: {}")
	for lang, says := range map[string]string{"en": "cannot be told", "ko": "알 수 없습니다"} {
		c.WaitFor(t, "the policy to be named in "+lang, time.Minute, func(context.Context) (bool, string, error) {
			r, text := ask(lang) // what is served is known to the API server's discovery some time later
			return r.Passes == policy.Unknown && strings.Contains(text, says) && strings.Contains(text, "CiliumNetworkPolicy.cilium.io strict"), text, nil
		})
	}
}
