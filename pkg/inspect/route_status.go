package inspect

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkRouteAccepted: a Gateway's controller says that it does not take a route,
// or not as it is. What the other rules find by looking is left to them.
func checkRouteAccepted(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range customMembers(s, sc, routeKinds()...) {
		only := rule.NewScope(rule.RefTo(u))
		looked := len(checkRouteBackends(s, only)) + len(checkGrants(s, only))
		for _, p := range below(u.Object, "status", "parents") {
			for _, c := range below(p, "conditions") {
				kind, reason := textIn(c, "type"), textIn(c, "reason")
				if textIn(c, "status") != "False" || stale(u, c) || kind != "Accepted" && kind != "ResolvedRefs" || reason == "Pending" {
					continue
				}
				if kind == "ResolvedRefs" && looked > 0 && (reason == "BackendNotFound" || reason == "RefNotPermitted") {
					continue
				}
				f := routeFinding(u, map[string]any{
					"gateway": textIn(p, "parentRef", "name"), "condition": kind, "reason": reason, "said": firstLine(textIn(c, "message")), "controller": textIn(p, "controllerName"),
				})
				f.Via = []finding.Ref{{Kind: string(gatewayAPIKind), Namespace: in(u, textIn(p, "parentRef", "namespace")), Name: textIn(p, "parentRef", "name")}}
				f.Evidence = []finding.Evidence{seen(u, "status.parents["+textIn(p, "parentRef", "name")+"].conditions["+kind+"]", "False "+words(reason, textIn(c, "message")))}
				out = append(out, f)
			}
		}
	}
	return out
}

// stale says that a condition is about an older form of the object.
func stale(u *unstructured.Unstructured, condition map[string]any) bool {
	n, err := strconv.ParseInt(textIn(condition, "observedGeneration"), 10, 64)
	return err == nil && n < u.GetGeneration()
}

// listenerSecret is a Secret that a listener of a Gateway names.
type listenerSecret struct{ namespace, name, field, listener, host string }

func (c listenerSecret) ref() finding.Ref {
	return finding.Ref{Kind: string(secretKind), Namespace: c.namespace, Name: c.name}
}

func certificatesOf(g *unstructured.Unstructured) []listenerSecret {
	var out []listenerSecret
	for i, l := range below(g.Object, "spec", "listeners") {
		for j, c := range below(l, "tls", "certificateRefs") {
			if kind := textIn(c, "kind"); (kind == "" || kind == "Secret") && textIn(c, "group") == "" {
				out = append(out, listenerSecret{in(g, textIn(c, "namespace")), textIn(c, "name"), fmt.Sprintf("spec.listeners[%d].tls.certificateRefs[%d]", i, j), textIn(l, "name"), textIn(l, "hostname")})
			}
		}
	}
	return out
}

// checkGrants: a reference leads into another namespace, and nothing there
// permits it (Gateway API, GEP-709). Silent where the controller says that all
// references are resolved.
func checkGrants(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	refuse := func(u *unstructured.Unstructured, to finding.Ref, field string) {
		if to.Namespace == u.GetNamespace() || resolved(u) {
			return
		}
		if a := s.Covered(referenceGrantKind, to.Namespace, ""); a.State != snapshot.Present || granted(s, u, to) {
			return
		}
		f := routeFinding(u, map[string]any{"to": to.String(), "toKind": to.Kind, "toNamespace": to.Namespace})
		f.Via = []finding.Ref{to}
		f.Evidence = []finding.Evidence{seen(u, field+".namespace", to.Namespace), {Object: "referencegrants in namespace " + to.Namespace, Path: "spec", Value: "none from " + u.GetKind() + " in " + u.GetNamespace() + " to " + to.Kind}}
		out = append(out, f)
	}
	for _, u := range customMembers(s, sc, routeKinds()...) {
		for _, b := range routeBackends(u) {
			refuse(u, b.ref(), b.field)
		}
	}
	for _, u := range customMembers(s, sc, gatewayAPIKind) {
		for _, c := range certificatesOf(u) {
			refuse(u, c.ref(), c.field)
		}
	}
	return out
}

// resolved says that the controllers, asked about this very form, found all references in order.
func resolved(u *unstructured.Unstructured) bool {
	n := 0
	status, _ := u.Object["status"].(map[string]any)
	for _, part := range slices.Concat(objectsIn(status["parents"]), objectsIn(status["listeners"])) {
		for _, c := range below(part, "conditions") {
			if textIn(c, "type") != "ResolvedRefs" {
				continue
			}
			if textIn(c, "status") != "True" || stale(u, c) {
				return false
			}
			n++
		}
	}
	return n > 0
}

// granted says that a ReferenceGrant of the namespace permits the reference.
func granted(s *snapshot.Snapshot, from *unstructured.Unstructured, to finding.Ref) bool {
	grants, _ := snapshot.ListCustom(s, referenceGrantKind, to.Namespace, nil)
	for _, g := range grants {
		comes := slices.ContainsFunc(below(g.Object, "spec", "from"), func(f map[string]any) bool {
			return textIn(f, "group") == gatewayGroup && textIn(f, "kind") == from.GetKind() && textIn(f, "namespace") == from.GetNamespace()
		})
		goes := slices.ContainsFunc(below(g.Object, "spec", "to"), func(t map[string]any) bool {
			name := textIn(t, "name")
			return textIn(t, "group") == "" && textIn(t, "kind") == to.Kind && (name == "" || name == to.Name)
		})
		if comes && goes {
			return true
		}
	}
	return false
}
