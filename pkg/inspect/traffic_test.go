package inspect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func ask(t *testing.T, s *snapshot.Snapshot, from, to finding.Ref, port policy.Port) (TrafficReport, error) {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	q := TrafficQuery{From: from, To: to, Port: port}
	for _, n := range s.Missing(snapshot.Needs{Objects: otherNeeds(q)}).Objects {
		s.Record(snapshot.Reading{Need: n, Why: "not served by this cluster", NotServed: true})
	}
	return Traffic(s, q, Options{Lang: lang.English, Catalogue: c})
}

func shopRef(kind, name string) finding.Ref {
	return finding.Ref{Kind: kind, Namespace: "shop", Name: name}
}

// A Service stands for the pods behind it, and its port for theirs.
func TestTrafficThroughAService(t *testing.T) {
	_, s := loadFixture(t, "testdata/network/denied.yaml")
	r, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Service", "orders"), policy.Port{Number: 80})
	if err != nil {
		t.Fatal(err)
	}
	if r.Passes != policy.No || len(r.Traffic) != 1 || r.Traffic[0].Port != "8080/TCP (http)" {
		t.Fatalf("%+v", r.Traffic)
	}
	want := PassageSide{Passes: policy.No, Isolated: true, Policies: []PassagePolicy{{Policy: shopRef("NetworkPolicy", "deny"), Passes: policy.No}}}
	if diff := cmp.Diff(want, r.Traffic[0].Ingress); diff != "" {
		t.Error(diff)
	}
	if len(r.Findings) != 1 || r.Findings[0].Rule != rulePolicyDenies || r.Findings[0].Object != shopRef("NetworkPolicy", "deny") {
		t.Errorf("findings %+v", r.Findings)
	}
}

func TestTrafficThatPasses(t *testing.T) {
	_, s := loadFixture(t, "testdata/network/allowed.yaml")
	r, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Pod", "orders-1"), policy.Port{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Passes != policy.Yes || len(r.Findings) != 0 || r.Traffic[0].Egress.Policies[0].Path != "spec.egress[0]" {
		t.Errorf("%+v", r.Traffic)
	}
	other, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Pod", "orders-1"), policy.Port{Number: 9090})
	if err != nil || other.Passes != policy.No {
		t.Errorf("port 9090: %s, %v", other.Passes, err)
	}
	outside, err := ask(t, s, finding.Ref{Kind: OutsideKind, Name: "203.0.113.9"}, shopRef("Pod", "orders-1"), policy.Port{Number: 8080})
	if err != nil || outside.Passes != policy.No || len(outside.Traffic[0].Egress.Policies) != 0 {
		t.Errorf("from outside: %+v, %v", outside.Traffic, err)
	}
}

// What could not be read is no open door.
func TestTrafficUnread(t *testing.T) {
	_, s := loadFixture(t, "testdata/network/unread.yaml")
	r, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Service", "orders"), policy.Port{})
	if err != nil || r.Passes != policy.Unknown || len(r.NotChecked) == 0 || len(r.Findings) != 0 {
		t.Errorf("%s, %+v, %v", r.Passes, r.Findings, err)
	}
}

func TestTrafficMistakes(t *testing.T) {
	_, s := loadFixture(t, "testdata/network/allowed.yaml")
	var port *NoPortError
	if _, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Service", "orders"), policy.Port{Number: 81}); !errors.As(err, &port) {
		t.Errorf("a port that the Service has not: %v", err)
	}
	if _, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Pod", "orders-1"), policy.Port{Name: "grpc"}); !errors.As(err, &port) {
		t.Errorf("a name that the pod has not: %v", err)
	}
	var missing *rule.NotFoundError
	if _, err := ask(t, s, shopRef("Deployment", "gone"), shopRef("Pod", "orders-1"), policy.Port{}); !errors.As(err, &missing) {
		t.Errorf("a workload that is not there: %v", err)
	}
}

// The question costs the same for any number of pods.
func TestTrafficNeeds(t *testing.T) {
	_, all := loadFixture(t, "testdata/network/allowed.yaml")
	q := TrafficQuery{From: shopRef("Deployment", "web"), To: shopRef("Service", "orders")}
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	asked := 0
	for range 6 {
		n := TrafficPlan(s, q)
		if n.Empty() {
			break
		}
		for _, need := range n.Objects {
			if _, known := snapshot.Lookup(need.Kind); known { // others are not served: one question tells
				asked++
			}
			s.Record(snapshot.Reading{Need: need})
			for _, o := range all.OfKind(need.Kind, need.Namespace) {
				if need.Name == "" || need.Name == o.GetName() {
					s.Add(o)
				}
			}
		}
	}
	if asked == 0 || asked > 8 || !TrafficPlan(s, q).Empty() {
		t.Errorf("%d reads, want at most 8", asked)
	}
}

// What is in files only may be allowed by a policy that is not in them.
func TestPolicyRuleIsSilentAboutManifests(t *testing.T) {
	_, seen := loadFixture(t, "testdata/network/denied.yaml")
	s := snapshot.New(snapshot.FromManifests, seen.TakenAt)
	for _, o := range seen.Objects() {
		s.Add(o)
	}
	scope := rule.NewScope(shopRef("Deployment", "web"))
	if found := checkPolicies(seen, scope); len(found) != 1 {
		t.Errorf("of a cluster: %+v", found)
	}
	if found := checkPolicies(s, scope); len(found) != 0 {
		t.Errorf("of manifests: %+v", found)
	}
}

// Of many pods the odd one is judged too, and the answer says that it rests on some.
func TestTrafficOfManyPods(t *testing.T) {
	many := func(n int) *snapshot.Snapshot {
		_, s := loadFixture(t, "testdata/network/denied.yaml")
		like, a := snapshot.Get[*corev1.Pod](s, "shop", "orders-1")
		if a.State != snapshot.Present {
			t.Fatal("no pod to copy")
		}
		for i := range n {
			pod := like.DeepCopy()
			pod.Name = fmt.Sprintf("orders-9%03d", i)
			if i == n-1 {
				pod.Labels["odd"] = "yes"
			}
			s.Add(pod)
		}
		deny, _ := snapshot.Get[*networkingv1.NetworkPolicy](s, "shop", "deny")
		odd := deny.DeepCopy()
		odd.Name = "odd"
		odd.Spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"odd": "yes"}}
		odd.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		s.Add(odd)
		return s
	}
	for n, noted := range map[int]bool{5: false, 200: true} {
		r, err := ask(t, many(n), shopRef("Deployment", "web"), shopRef("Service", "orders"), policy.Port{Number: 80})
		if err != nil {
			t.Fatal(err)
		}
		if r.Passes != policy.Partly {
			t.Errorf("%d pods: %s", n, r.Passes)
		}
		if got := slices.ContainsFunc(r.Notes, func(s string) bool { return strings.Contains(s, "pods on a side 50 were judged") }); got != noted {
			t.Errorf("%d pods: %q", n, r.Notes)
		}
	}
}

// Policies of other kinds may turn an answer: it is then unknown, and names them.
func TestTrafficBesideOtherPolicies(t *testing.T) {
	const forbidden = "forbidden: list such policies"
	for _, c := range []struct {
		name, fixture string
		kind          snapshot.Kind
		namespace     string
		object, why   string // what is listed there, or why nothing is
		want          policy.Answer
		says          string
	}{
		{"none of a kind that is served", "allowed", "CiliumNetworkPolicy.cilium.io", "shop", "", "", policy.Yes, ""},
		{"a deny may come first", "allowed", "AdminNetworkPolicy.policy.networking.k8s.io", "", "strict", "", policy.Unknown, "AdminNetworkPolicy.policy.networking.k8s.io strict"},
		{"an allow may come first", "denied", "CiliumNetworkPolicy.cilium.io", "shop", "let-web", "", policy.Unknown, "CiliumNetworkPolicy.cilium.io let-web"},
		{"a mesh only refuses more", "denied", "AuthorizationPolicy.security.istio.io", "shop", "web-only", "", policy.No, "AuthorizationPolicy.security.istio.io web-only"},
		{"a mesh refuses more", "allowed", "AuthorizationPolicy.security.istio.io", "istio-system", "deny-all", "", policy.Unknown, "AuthorizationPolicy.security.istio.io deny-all"},
		{"a baseline has no say over selected pods", "allowed", "BaselineAdminNetworkPolicy.policy.networking.k8s.io", "", "default", "", policy.Yes, "BaselineAdminNetworkPolicy.policy.networking.k8s.io default"},
		{"Calico lists NetworkPolicies once more", "allowed", "NetworkPolicy.projectcalico.org", "shop", "knp.default.web", "", policy.Yes, ""},
		{"of another namespace", "allowed", "CiliumNetworkPolicy.cilium.io", "bank", "strict", "", policy.Yes, ""},
		{"that may not be read", "allowed", "CiliumNetworkPolicy.cilium.io", "shop", "", forbidden, policy.Unknown, "CiliumNetworkPolicy.cilium.io in namespace shop"},
		{"that may not be read, and only refuse", "denied", "Server.policy.linkerd.io", "shop", "", forbidden, policy.No, "Server.policy.linkerd.io in namespace shop"},
	} {
		_, s := loadFixture(t, "testdata/network/"+c.fixture+".yaml")
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: c.kind, Namespace: c.namespace}, Why: c.why})
		if c.object != "" {
			name, group := c.kind.Split()
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": group + "/v1", "kind": name}}
			o.SetName(c.object)
			o.SetNamespace(c.namespace)
			s.Add(o)
		}
		r, err := ask(t, s, shopRef("Deployment", "web"), shopRef("Service", "orders"), policy.Port{Number: 80})
		if err != nil {
			t.Fatal(err)
		}
		if r.Passes != c.want || (len(r.Findings) > 0) != (c.want == policy.No) {
			t.Errorf("%s: %s with %d findings, want %s", c.name, r.Passes, len(r.Findings), c.want)
		}
		if doubted := r.Traffic[0].Doubt == policy.DoubtOthers; doubted != (c.want == policy.Unknown) {
			t.Errorf("%s: doubt %q", c.name, r.Traffic[0].Doubt)
		}
		var said []string
		for _, n := range r.NotChecked {
			said = append(said, n.What)
		}
		if got := strings.Join(said, "; "); c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: not checked: %q, want %q", c.name, got, c.says)
		}
	}
}
