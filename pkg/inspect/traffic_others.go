package inspect

import (
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// otherKind is a kind of policy that decides about traffic beside
// NetworkPolicies, and that is not judged here. That there are some of it says
// what the answer cannot say.
type otherKind struct {
	kind snapshot.Kind
	// at are the ends whose namespace such a policy lies in; cluster-wide ones have none.
	at otherEnds
	// allows: it may let through what NetworkPolicies deny. All may deny what they allow.
	allows bool
	// under: it only speaks where no NetworkPolicy selects the pod.
	under bool
}

type otherEnds int

const (
	clusterWide otherEnds = iota
	bothEnds
	calledEnd
)

// istioRoot is where Istio's policies for the whole mesh lie (rootNamespace of
// its MeshConfig; this is the default).
const istioRoot = "istio-system"

// otherKinds are the policies of the network policy API group (KEP-2091) and of
// the common network plugins and meshes. A deny of an AdminNetworkPolicy or of
// Cilium, Calico and Antrea comes before what a NetworkPolicy allows, and their
// allow before, or beside, what it does not; a mesh's proxy only refuses more.
func otherKinds() []otherKind {
	const calicoCRD, calico = "crd.projectcalico.org", "projectcalico.org"
	return []otherKind{
		{kind: snapshot.KindNamed("policy.networking.k8s.io", "AdminNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"), under: true},
		{kind: snapshot.KindNamed("policy.networking.k8s.io", "ClusterNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed("cilium.io", "CiliumNetworkPolicy"), at: bothEnds, allows: true},
		{kind: snapshot.KindNamed("cilium.io", "CiliumClusterwideNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed(calicoCRD, "NetworkPolicy"), at: bothEnds, allows: true},
		{kind: snapshot.KindNamed(calicoCRD, "GlobalNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed(calico, "NetworkPolicy"), at: bothEnds, allows: true},
		{kind: snapshot.KindNamed(calico, "GlobalNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed("crd.antrea.io", "NetworkPolicy"), at: bothEnds, allows: true},
		{kind: snapshot.KindNamed("crd.antrea.io", "ClusterNetworkPolicy"), allows: true},
		{kind: snapshot.KindNamed("security.istio.io", "AuthorizationPolicy"), at: calledEnd},
		{kind: snapshot.KindNamed("policy.linkerd.io", "Server"), at: calledEnd},
	}
}

// needs are the lists that would hold such a policy for an end of the question.
func (k otherKind) needs(q TrafficQuery) []snapshot.Need {
	if k.at == clusterWide {
		return []snapshot.Need{{Kind: k.kind}}
	}
	var spaces []string
	if k.at == bothEnds && q.From.Kind != OutsideKind {
		spaces = append(spaces, q.From.Namespace)
	}
	if q.To.Kind != OutsideKind {
		spaces = append(spaces, q.To.Namespace)
		if _, group := k.kind.Split(); group == "security.istio.io" {
			spaces = append(spaces, istioRoot)
		}
	}
	slices.Sort(spaces)
	var out []snapshot.Need
	for _, ns := range slices.Compact(spaces) {
		out = append(out, snapshot.Need{Kind: k.kind, Namespace: ns})
	}
	return out
}

// otherNeeds asks for them. What the cluster does not serve costs nothing but
// the one question what it serves.
func otherNeeds(q TrafficQuery) []snapshot.Need {
	var out []snapshot.Need
	for _, k := range otherKinds() {
		out = append(out, k.needs(q)...)
	}
	return out
}

// others is what stands beside the NetworkPolicies.
type others struct {
	// denies, allows: some may change a yes, or a no. under: some may change a
	// yes where no NetworkPolicy selects the pod.
	denies, allows, under bool
	// seen are those that there are, by kind.
	seen []otherSeen
}

type otherSeen struct {
	kind  snapshot.Kind
	names []string
}

// besides looks at what was found of them. In manifests nobody looked.
func besides(s *snapshot.Snapshot, q TrafficQuery) others {
	var out others
	if s.Source == snapshot.FromManifests {
		return out
	}
	for _, k := range otherKinds() {
		var names []string
		unread := false
		for _, n := range k.needs(q) {
			a := s.Asked(n)
			unread = unread || a.State != snapshot.Present && !a.NotServed
			for _, o := range s.OfKind(n.Kind, n.Namespace) {
				// Calico's own API server lists NetworkPolicies under this name too.
				if !strings.HasPrefix(o.GetName(), "knp.default.") {
					names = append(names, o.GetName())
				}
			}
		}
		if len(names) > 0 {
			out.seen = append(out.seen, otherSeen{k.kind, names})
		}
		if len(names) > 0 || unread {
			out.allows = out.allows || k.allows
			out.denies = out.denies || !k.under
			out.under = out.under || k.under
		}
	}
	return out
}

// doubt takes back the answers that others may change. That a pod reaches
// itself, none of them does.
func (o others) doubt(all []Passage) {
	for i, p := range all {
		open := !p.Egress.Isolated || !p.Ingress.Isolated
		turned := p.Passes == policy.No && o.allows || p.Passes != policy.No && (o.denies || o.under && open)
		if turned && p.Passes != policy.Unknown && p.Exempt != policy.SamePod {
			all[i].Passes, all[i].Doubt = policy.Unknown, policy.DoubtOthers
		}
	}
}

// notChecked names the policies that were seen and not judged.
func (o others) notChecked(texts lang.Catalogue, l lang.Lang) []finding.NotChecked {
	var out []finding.NotChecked
	for _, one := range o.seen {
		const most = 5
		args := map[string]any{"kind": string(one.kind), "names": strings.Join(one.names[:min(most, len(one.names))], ", "), "more": max(0, len(one.names)-most)}
		out = append(out, finding.NotChecked{What: texts.Text(l, "traffic-others-what", args), Why: texts.Text(l, "traffic-others-why", nil)})
	}
	return out
}
