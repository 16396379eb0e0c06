package render

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// trafficAllowed: one policy isolates, another one lets through.
func trafficAllowed(l lang.Lang) any {
	return inspect.TrafficReport{
		Report: report(nil, nil, "deployment/web", "service/orders"), From: ref("Deployment", "web"), To: ref("Service", "orders"), Passes: policy.Yes,
		Traffic: []inspect.Passage{{
			Port: "8080/TCP (http)", Passes: policy.Yes, From: ref("Pod", "web-1"), To: ref("Pod", "orders-1"), Pairs: 4,
			Egress: inspect.PassageSide{Passes: policy.Yes},
			Ingress: inspect.PassageSide{Passes: policy.Yes, Isolated: true, Policies: []inspect.PassagePolicy{
				{Policy: ref("NetworkPolicy", "default-deny"), Passes: policy.No}, {Policy: ref("NetworkPolicy", "orders"), Passes: policy.Yes, Path: "spec.ingress[0]"},
			}},
		}},
		Notes: []string{either(l, "Whether the network plugin enforces policies is not something the API shows.", "네트워크 플러그인이 정책을 실제로 적용하는지는 API로 알 수 없습니다.")},
	}
}

// trafficMixed: denied on one port, not known on another.
func trafficMixed(lang.Lang) any {
	bank := finding.Ref{Kind: "Deployment", Namespace: "bank", Name: "api"}
	denied := inspect.PassageSide{Passes: policy.No, Isolated: true, Policies: []inspect.PassagePolicy{{Policy: ref("NetworkPolicy", "default-deny"), Passes: policy.No}}}
	open := inspect.PassageSide{Passes: policy.Yes}
	return inspect.TrafficReport{
		Report: report([]finding.Finding{{
			Rule: "network/policy-denies", Severity: finding.Warning, Confidence: finding.Likely, Object: ref("NetworkPolicy", "default-deny"), Count: 1,
			Chain: []string{"deployment/web", "deployment/api", "networkpolicy/default-deny"}, Title: "NetworkPolicy default-deny does not let deployment/web reach deployment/api on port 80/TCP", Why: "No rule names it.",
		}}, []finding.NotChecked{{What: "get namespaces \"bank\"", Why: "forbidden"}}, "deployment/web", "deployment/api"),
		From: ref("Deployment", "web"), To: bank, Passes: policy.Unknown,
		Traffic: []inspect.Passage{
			{Port: "80/TCP", Passes: policy.No, From: ref("Pod", "web-1"), To: bank, Pairs: 1, Egress: denied, Ingress: open},
			{Passes: policy.Unknown, From: ref("Pod", "web-2"), To: bank, Pairs: 1, Exempt: policy.OwnNode, Egress: inspect.PassageSide{Passes: policy.Yes, Isolated: true, Policies: denied.Policies}, Ingress: inspect.PassageSide{Passes: policy.Unknown, Doubt: policy.DoubtPolicies}},
		},
		Notes: []string{"A pod and the node it runs on always reach each other."},
	}
}

// clusterWell is a small cluster in which all that was looked at is in order.
func clusterWell(l lang.Lang) any {
	zero, one, yes := 0, 1, true
	return inspect.ClusterReport{Report: report(nil, nil, "cluster"), Cluster: inspect.Cluster{
		Version: "v1.37.0", Provider: "kind",
		ControlPlane: []inspect.Part{
			{Role: "api-server", Name: "kube-apiserver", Health: inspect.Healthy, Status: either(l, "answers, 52 readiness checks pass", "응답함, 준비 상태 검사 52개 통과"), Basis: "/livez, /readyz"},
			{Role: "scheduler", Name: "kube-scheduler", Health: inspect.Healthy, Status: either(l, "held by node-1", "보유자 node-1"), Basis: "lease kube-system/kube-scheduler"},
		},
		Nodes: []inspect.ClusterNode{
			{Name: "node-1", Health: inspect.Healthy, Status: "Ready", Roles: "control-plane", Version: "v1.37.0", Skew: &zero, SkewOK: &yes, Runtime: "containerd://2.1", System: "Debian 12", Arch: "amd64"},
			{Name: "node-2", Health: inspect.Healthy, Status: "Ready", Version: "v1.36.4", Skew: &one, SkewOK: &yes, Runtime: "containerd://2.1", System: "Debian 12", Arch: "arm64"},
		},
		Addons: []inspect.Part{{Role: "dns", Name: "CoreDNS", Health: inspect.Healthy, Status: either(l, "2 of 2 pods ready", "Pod 2개 중 2개 준비됨"), Basis: "deployment kube-system/coredns"}},
	}}
}

// clusterIll has many nodes alike, one too old and one that is newer than the API server.
func clusterIll(l lang.Lang) any {
	no, four, newer := false, 4, -1
	r := inspect.ClusterReport{Report: report(nil, []finding.NotChecked{{What: "get /readyz", Why: "forbidden"}}, "cluster"), Cluster: inspect.Cluster{
		ControlPlane: []inspect.Part{{Role: "etcd", Name: "etcd", Health: inspect.Unknown, Status: either(l, "the API does not show it", "API로 보이지 않음"), Basis: "/readyz"}},
		Addons:       []inspect.Part{},
	}}
	for i := range 25 {
		r.Cluster.Nodes = append(r.Cluster.Nodes, inspect.ClusterNode{Name: "node-" + string(rune('a'+i)), Health: inspect.Healthy, Status: "Ready", Version: "v1.37.0"})
	}
	r.Cluster.Nodes[3].Version, r.Cluster.Nodes[3].Skew, r.Cluster.Nodes[3].SkewOK = "v1.33.0", &four, &no
	r.Cluster.Nodes[7].Version, r.Cluster.Nodes[7].Skew, r.Cluster.Nodes[7].SkewOK = "v1.38.0", &newer, &no
	r.Cluster.Nodes[9].Health, r.Cluster.Nodes[9].Status = inspect.Unwell, "NotReady"
	return r
}
