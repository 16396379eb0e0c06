package inspect

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// glances says whether so much is asked about that what lies around each object is not looked for.
func glances(sc *rule.Scope) bool { return len(sc.Targets) > fewTargets }

// kindNeeds asks for what the explanation of each target refers to, and for
// what refers to it. Of many targets only the objects themselves are read.
func kindNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	n := managerNeeds(s, sc)
	if glances(sc) || s.Source == snapshot.FromManifests {
		return n
	}
	e := explainer{s: s, scope: sc}
	var err error
	if e.texts, err = loadMessages(); err != nil {
		return n
	}
	for _, t := range sc.Targets {
		o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present {
			continue
		}
		n.Objects = append(n.Objects, around(t)...)
		n.Objects = append(n.Objects, e.pointedAt(t, o)...)
	}
	return n
}

// pointedAt asks for the objects that this one points to: each kind as one
// object, or as a list where there are several of it.
func (e explainer) pointedAt(t finding.Ref, o snapshot.Object) []snapshot.Need {
	if workload(t.Kind) {
		return nil
	}
	var out []snapshot.Need
	count := map[snapshot.Need]int{}
	for _, r := range e.tell(o).refs {
		kind := snapshot.Kind(r.to.Kind)
		if _, known := e.s.Info(kind); !known || r.relation == UsedBy && t.Kind != "PersistentVolume" || r.relation == Selects || r.relation == Runs {
			continue // found in a list that was read
		}
		if kind == "StorageClass" || kind == "IngressClass" {
			out = append(out, snapshot.Need{Kind: kind}) // few, and rules ask for the default one among them
			continue
		}
		one := snapshot.Need{Kind: kind, Namespace: r.to.Namespace, Name: r.to.Name}
		list := snapshot.Need{Kind: kind, Namespace: r.to.Namespace}
		if count[list]++; count[list] > 2 {
			if !slices.Contains(out, list) {
				out = append(slices.DeleteFunc(out, func(n snapshot.Need) bool { return n.Kind == kind && n.Namespace == r.to.Namespace }), list)
			}
			continue
		}
		out = append(out, one)
	}
	return append(out, e.endpointsOf(t, o)...)
}

// endpointsOf asks for the endpoints of the Services that traffic is sent to.
func (e explainer) endpointsOf(t finding.Ref, o snapshot.Object) []snapshot.Need {
	var services []string
	switch t.Kind {
	case "Ingress", "HTTPRoute", "GRPCRoute", "VirtualService", "TrafficSplit", "TraefikService":
		for _, r := range e.tell(o).refs {
			if r.to.Kind == "Service" && r.to.Namespace == t.Namespace && !slices.Contains(services, r.to.Name) {
				services = append(services, r.to.Name)
			}
		}
	}
	switch len(services) {
	case 0:
		return nil
	case 1:
		return []snapshot.Need{{Kind: "EndpointSlice", Namespace: t.Namespace, Selector: sliceSelector(services[0])}}
	}
	return []snapshot.Need{{Kind: "EndpointSlice", Namespace: t.Namespace}}
}

// workload: these have explanations, and needs, of their own.
func workload(kind string) bool {
	switch kind {
	case "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Service":
		return true
	}
	return false
}

// around lists what is read to know who refers to an object.
func around(t finding.Ref) []snapshot.Need {
	users := func(more ...snapshot.Kind) []snapshot.Need {
		var out []snapshot.Need
		for _, k := range append(userKinds(t.Kind), more...) {
			out = append(out, snapshot.Need{Kind: k, Namespace: t.Namespace})
		}
		return out
	}
	switch t.Kind {
	case "ConfigMap", "PersistentVolumeClaim":
		return users()
	case "Secret":
		return users("Ingress")
	case "ServiceAccount":
		return append(users("RoleBinding"), snapshot.Need{Kind: "ClusterRoleBinding"})
	case "Role":
		return []snapshot.Need{{Kind: "RoleBinding", Namespace: t.Namespace}}
	case "ClusterRole":
		return []snapshot.Need{{Kind: "RoleBinding"}, {Kind: "ClusterRoleBinding"}}
	case "NetworkPolicy", "PodDisruptionBudget":
		return []snapshot.Need{{Kind: "Pod", Namespace: t.Namespace}}
	case "IngressClass":
		return []snapshot.Need{{Kind: "Ingress"}}
	case "StorageClass":
		return []snapshot.Need{{Kind: "PersistentVolumeClaim"}}
	case "Node":
		return []snapshot.Need{podsOn(t.Name)}
	case "Namespace":
		return []snapshot.Need{{Kind: "ResourceQuota", Namespace: t.Name}, {Kind: "LimitRange", Namespace: t.Name}}
	case "CronJob":
		return []snapshot.Need{{Kind: "Job", Namespace: t.Namespace}}
	case "GatewayClass":
		return []snapshot.Need{{Kind: "Gateway"}}
	case "Gateway":
		return []snapshot.Need{{Kind: "HTTPRoute"}, {Kind: "GRPCRoute"}}
	}
	return nil
}
