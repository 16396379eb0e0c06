package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	gatewayAPIKind     snapshot.Kind = "Gateway"
	gatewayClassKind   snapshot.Kind = "GatewayClass"
	referenceGrantKind snapshot.Kind = "ReferenceGrant"
	gatewayGroup                     = "gateway.networking.k8s.io"
)

// routeKinds are the routes of the Gateway API whose fields are known.
func routeKinds() []snapshot.Kind { return []snapshot.Kind{"HTTPRoute", "GRPCRoute"} }

// routeRules find why a route of the Gateway API leads nowhere.
func routeRules() []rule.Rule {
	reads := append([]snapshot.Kind{gatewayAPIKind, gatewayClassKind, referenceGrantKind, "Service", secretKind}, routeKinds()...)
	one := func(id string, check func(*snapshot.Snapshot, *rule.Scope) []finding.Finding) rule.Rule {
		return rule.Rule{ID: "route/" + id, Reads: reads, Needs: routeNeeds, Check: check}
	}
	return []rule.Rule{
		one("backend-missing", checkRouteBackends), one("port-missing", checkRoutePorts), one("parent-missing", checkRouteParents),
		one("not-accepted", checkRouteAccepted), one("reference-not-granted", checkGrants), one("gateway-not-programmed", checkGateways),
		one("certificate-missing", checkCertificates),
	}
}

// routeBackend is one backendRef of a route that leads to a Service.
type routeBackend struct {
	namespace, name, port, weight, field string
}

func (b routeBackend) ref() finding.Ref {
	return finding.Ref{Kind: "Service", Namespace: b.namespace, Name: b.name}
}

// routeBackends leaves out what is no Service: whose fields those are is known to their controllers.
func routeBackends(u *unstructured.Unstructured) []routeBackend {
	var out []routeBackend
	for i, r := range below(u.Object, "spec", "rules") {
		for j, b := range below(r, "backendRefs") {
			if kind := textIn(b, "kind"); (kind == "" || kind == "Service") && textIn(b, "group") == "" && textIn(b, "name") != "" {
				out = append(out, routeBackend{
					in(u, textIn(b, "namespace")), textIn(b, "name"), textIn(b, "port"), textIn(b, "weight"), fmt.Sprintf("spec.rules[%d].backendRefs[%d]", i, j),
				})
			}
		}
	}
	return out
}

// routeParent is one parentRef of a route that names a Gateway.
type routeParent struct{ namespace, name, section, field string }

func (p routeParent) ref() finding.Ref {
	return finding.Ref{Kind: string(gatewayAPIKind), Namespace: p.namespace, Name: p.name}
}

func routeParents(u *unstructured.Unstructured) []routeParent {
	var out []routeParent
	for i, p := range below(u.Object, "spec", "parentRefs") {
		kind, group := textIn(p, "kind"), textIn(p, "group")
		if (kind == "" || kind == "Gateway") && (group == "" || group == gatewayGroup) {
			out = append(out, routeParent{in(u, textIn(p, "namespace")), textIn(p, "name"), textIn(p, "sectionName"), fmt.Sprintf("spec.parentRefs[%d]", i)})
		}
	}
	return out
}

// customMembers are the objects of these kinds in the scope that were seen and are not going away.
func customMembers(s *snapshot.Snapshot, sc *rule.Scope, kinds ...snapshot.Kind) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for m := range sc.Members() {
		if !slices.Contains(kinds, snapshot.Kind(m.Kind)) {
			continue
		}
		if u, a := snapshot.FindCustom(s, snapshot.Kind(m.Kind), m.Namespace, m.Name); a.State == snapshot.Present && u.GetDeletionTimestamp() == nil {
			out = append(out, u)
		}
	}
	return out
}

// routeNeeds wants what routes and Gateways refer to: one by one while they are few.
func routeNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	count := map[snapshot.Need]int{}
	want := func(kind snapshot.Kind, namespace, name string) {
		list := snapshot.Need{Kind: kind, Namespace: namespace}
		if count[list]++; count[list] > 2 {
			n.Objects = append(n.Objects, list)
			return
		}
		n.Objects = append(n.Objects, snapshot.Need{Kind: kind, Namespace: namespace, Name: name})
	}
	for _, u := range customMembers(s, sc, routeKinds()...) {
		for _, b := range routeBackends(u) {
			want("Service", b.namespace, b.name)
			if b.namespace != u.GetNamespace() {
				n.Objects = append(n.Objects, snapshot.Need{Kind: referenceGrantKind, Namespace: b.namespace})
			}
		}
		for _, p := range routeParents(u) {
			want(gatewayAPIKind, p.namespace, p.name)
		}
	}
	for _, u := range customMembers(s, sc, gatewayAPIKind) {
		if len(textIn(u.Object, "spec", "gatewayClassName")) > 0 {
			n.Objects = append(n.Objects, snapshot.Need{Kind: gatewayClassKind})
		}
		for _, c := range certificatesOf(u) {
			want(secretKind, c.namespace, c.name)
			if c.namespace != u.GetNamespace() {
				n.Objects = append(n.Objects, snapshot.Need{Kind: referenceGrantKind, Namespace: c.namespace})
			}
		}
	}
	return n
}

func routeFinding(u *unstructured.Unstructured, args map[string]any) finding.Finding {
	kind, _ := snapshot.KindOf(u).Split()
	all := map[string]any{"kind": kind, "lower": strings.ToLower(kind), "name": u.GetName(), "namespace": u.GetNamespace()}
	for k, v := range args {
		all[k] = v
	}
	return finding.Finding{Object: rule.RefTo(u), Args: all}
}

// checkRouteBackends: a rule leads to a Service that is not there.
func checkRouteBackends(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range customMembers(s, sc, routeKinds()...) {
		for _, b := range routeBackends(u) {
			if _, a := snapshot.Get[*corev1.Service](s, b.namespace, b.name); a.State != snapshot.Absent {
				continue
			}
			var names []string
			for _, o := range s.OfKind("Service", b.namespace) {
				names = append(names, o.GetName())
			}
			f := routeFinding(u, map[string]any{"service": b.name, "serviceNamespace": b.namespace, "nearest": nearestName(b.name, names), "weight": b.weight})
			if b.weight == "0" { // nothing is sent there, until somebody gives it a share
				f.Severity = finding.Warning
			}
			f.Via = []finding.Ref{b.ref()}
			f.Evidence = []finding.Evidence{seen(u, b.field+".name", b.name), {Object: b.ref().String(), Path: "metadata.name", Value: "not found"}}
			out = append(out, f)
		}
	}
	return out
}

// checkRoutePorts: the Service is there and has no such port.
func checkRoutePorts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range customMembers(s, sc, routeKinds()...) {
		for _, b := range routeBackends(u) {
			svc, a := snapshot.Get[*corev1.Service](s, b.namespace, b.name)
			if a.State != snapshot.Present || svc.Spec.Type == corev1.ServiceTypeExternalName {
				continue
			}
			var ports []string
			found := false
			for _, p := range svc.Spec.Ports {
				found = found || strconv.Itoa(int(p.Port)) == b.port
				ports = append(ports, strings.TrimSpace(fmt.Sprintf("%s %d", p.Name, p.Port)))
			}
			if found {
				continue
			}
			f := routeFinding(u, map[string]any{"service": b.name, "port": b.port, "ports": strings.Join(ports, ", ")})
			f.Via = []finding.Ref{b.ref()}
			f.Evidence = []finding.Evidence{seen(u, b.field+".port", orNone(nonEmpty(b.port))), seen(svc, "spec.ports", orNone(ports))}
			out = append(out, f)
		}
	}
	return out
}

// checkRouteParents: the Gateway, or the listener of it, that a route hangs on is not there.
func checkRouteParents(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range customMembers(s, sc, routeKinds()...) {
		for _, p := range routeParents(u) {
			g, a := snapshot.FindCustom(s, gatewayAPIKind, p.namespace, p.name)
			f := routeFinding(u, map[string]any{"gateway": p.name, "gatewayNamespace": p.namespace, "listener": "", "listeners": "", "nearest": ""})
			f.Via = []finding.Ref{p.ref()}
			switch {
			case a.State == snapshot.Absent:
				var names []string
				for _, o := range s.OfKind(gatewayAPIKind, p.namespace) {
					names = append(names, o.GetName())
				}
				f.Args["nearest"] = nearestName(p.name, names)
				f.Evidence = []finding.Evidence{seen(u, p.field+".name", p.name), {Object: p.ref().String(), Path: "metadata.name", Value: "not found"}}
			case a.State == snapshot.Present && p.section != "" && !slices.Contains(listenersOf(g), p.section):
				f.Args["listener"], f.Args["listeners"] = p.section, strings.Join(listenersOf(g), ", ")
				f.Evidence = []finding.Evidence{seen(u, p.field+".sectionName", p.section), seen(g, "spec.listeners[].name", orNone(listenersOf(g)))}
			default:
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

func listenersOf(g *unstructured.Unstructured) []string {
	var out []string
	for _, l := range below(g.Object, "spec", "listeners") {
		out = append(out, textIn(l, "name"))
	}
	return out
}
