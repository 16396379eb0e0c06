package render

import (
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func treeReport(l lang.Lang) inspect.TreeReport {
	f := secretKeyMissing(l)
	pods := inspect.TreeNode{
		Object: ref("Pod", "orders-6f7c9d8b5-x2x7k"), Relation: inspect.Controls, Health: inspect.Unwell, Count: 2, Members: []string{"orders-6f7c9d8b5-x2x7k", "orders-6f7c9d8b5-zz9ab"},
		Status: either(l, "CreateContainerConfigError, 0 of 1 containers ready", "CreateContainerConfigError, 컨테이너 1개 중 0개 준비됨"),
	}
	top := inspect.TreeNode{
		Object: ref("Deployment", "orders"), Target: true, Health: inspect.Unwell, Count: 1, Status: either(l, "0 of 2 pods ready", "Pod 2개 중 0개 준비됨"),
		Causes: []inspect.TreeCause{{Rule: f.Rule, Severity: f.Severity, Title: f.Title, Pods: 2}},
		Children: []inspect.TreeNode{
			{Object: ref("ReplicaSet", "orders-6f7c9d8b5"), Relation: inspect.Controls, Health: inspect.Progressing, Count: 1, Status: either(l, "0 of 2 pods ready", "Pod 2개 중 0개 준비됨"), Children: []inspect.TreeNode{pods}},
			{Object: ref("Secret", "db"), Relation: inspect.RefersTo, Health: inspect.Unwell, Count: 1, Status: either(l, "has no key password", "키 없음: password")},
			{Object: finding.Ref{Kind: "Service", Namespace: "front", Name: "orders"}, Relation: inspect.SelectedBy, Health: inspect.Unknown, Count: 1},
		},
	}
	return inspect.TreeReport{Report: report([]finding.Finding{f}, nil, "deployment/orders"), Tree: []inspect.TreeNode{top}}
}

func TestTreeGolden(t *testing.T) {
	for _, l := range lang.All() {
		var all strings.Builder
		for _, v := range views(l) {
			all.WriteString("== " + v.name + "\n" + write(t, treeReport(l), v.o))
		}
		golden(t, "tree."+string(l)+".txt", all.String())
	}
}

// viewTexts are the texts of the views that are asked for by a name that is put together, and what they are given.
func viewTexts() (ids []string, args map[string]any) {
	for _, r := range []inspect.Relation{inspect.OwnedBy, inspect.Selects, inspect.SelectedBy, inspect.RefersTo, inspect.ScaledBy, inspect.GuardedBy, inspect.RoutedBy, inspect.UsedBy} {
		ids = append(ids, "tree-relation-"+string(r))
	}
	for _, s := range []calls.Source{calls.FromEnv, calls.FromArgs, calls.FromConfigMap, calls.FromRoute, calls.FromPolicy} {
		ids = append(ids, "map-basis-"+string(s))
	}
	for _, c := range []calls.Certainty{calls.Declared, calls.Shared, calls.Allowed} {
		ids = append(ids, "map-certainty-"+string(c))
	}
	ids = append(ids, "map-legend-shared", "map-legend-allowed")
	for _, a := range []policy.Answer{policy.Yes, policy.No, policy.Partly, policy.Unknown} {
		ids = append(ids, "traffic-"+string(a), "traffic-names-"+string(a))
	}
	ids = append(ids, "traffic-egress", "traffic-ingress", "cluster-plane", "cluster-addons", "cluster-roles", "cluster-version", "cluster-runtime", "cluster-system", "cluster-arch")
	for _, r := range []string{"api-server", "etcd", "scheduler", "controller-manager", "cloud-controller-manager", "dns", "metrics", "cni", "proxy", "ingress", "gateway", "mesh", "monitoring", "delivery", "certificates"} {
		ids = append(ids, "cluster-role-"+r)
	}
	return ids, map[string]any{"kind": "pod", "title": "x", "day": "x", "last": "x", "nodes": 2, "calls": 2, "path": "x", "value": "x", "kinds": "x", "takers": "2", "shared": true, "ready": 1, "desired": 2, "from": 1, "to": 2, "cause": "x", "port": "80", "version": "v1", "provider": "x", "unread": false}
}
