package inspect

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// claimPatience is how long a controller may take to look at a Gateway for the first time.
const claimPatience = 2 * time.Minute

// askedGateway is a Gateway with what leads to it: nothing for one of the scope, else a route of it.
type askedGateway struct {
	*unstructured.Unstructured
	from finding.Ref
}

// gatewaysOf are the Gateways of the scope, and those that its routes hang on.
func gatewaysOf(s *snapshot.Snapshot, sc *rule.Scope) []askedGateway {
	var out []askedGateway
	for _, u := range customMembers(s, sc, gatewayAPIKind) {
		out = append(out, askedGateway{Unstructured: u})
	}
	for _, route := range customMembers(s, sc, routeKinds()...) {
		for _, p := range routeParents(route) {
			g, a := snapshot.FindCustom(s, gatewayAPIKind, p.namespace, p.name)
			if a.State == snapshot.Present && g.GetDeletionTimestamp() == nil && !sc.Has(p.ref()) {
				out = append(out, askedGateway{g, rule.RefTo(route)})
			}
		}
	}
	return out
}

// checkGateways: a Gateway serves nothing, or one of its listeners does not: its
// class is not there, nobody has taken it up, or its controller says that it is
// not accepted or not programmed.
func checkGateways(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, g := range gatewaysOf(s, sc) {
		found := unclassed(s, g.Unstructured)
		if found == nil {
			found = unclaimed(s, g.Unstructured)
		}
		if found == nil {
			found = refusedGateway(s, g.Unstructured)
		}
		all := []finding.Finding{}
		if found != nil {
			all = append(all, *found)
		} else {
			all = refusedListeners(s, g.Unstructured)
		}
		for _, f := range all {
			if g.from != (finding.Ref{}) {
				f.At, f.Via = g.from, append([]finding.Ref{rule.RefTo(g.Unstructured)}, f.Via...)
			}
			out = append(out, f)
		}
	}
	return out
}

func gatewayFinding(g *unstructured.Unstructured, args map[string]any) *finding.Finding {
	f := routeFinding(g, map[string]any{
		"class": textIn(g.Object, "spec", "gatewayClassName"), "condition": "", "reason": "", "said": "", "nearest": "", "listener": "", "controller": "", "unclaimed": false,
	})
	for k, v := range args {
		f.Args[k] = v
	}
	return &f
}

// unclassed: the class that a Gateway asks for is not there.
func unclassed(s *snapshot.Snapshot, g *unstructured.Unstructured) *finding.Finding {
	class := textIn(g.Object, "spec", "gatewayClassName")
	if _, a := snapshot.FindCustom(s, gatewayClassKind, "", class); class == "" || a.State != snapshot.Absent {
		return nil
	}
	var names []string
	for _, o := range s.OfKind(gatewayClassKind, "") {
		names = append(names, o.GetName())
	}
	f := gatewayFinding(g, map[string]any{"nearest": nearestName(class, names)})
	f.Via = []finding.Ref{{Kind: string(gatewayClassKind), Name: class}}
	f.Evidence = []finding.Evidence{seen(g, "spec.gatewayClassName", class), {Object: "gatewayclasses", Path: "metadata.name", Value: orNone(names)}}
	return f
}

// unclaimed: long after it was made, a Gateway has nothing but the condition
// that the API server itself writes into a new one (the default of status.conditions
// in the definition of the kind).
func unclaimed(s *snapshot.Snapshot, g *unstructured.Unstructured) *finding.Finding {
	if !older(s, g, claimPatience) || s.Source != snapshot.FromCluster {
		return nil
	}
	for _, c := range below(g.Object, "status", "conditions") {
		if textIn(c, "status") != "Unknown" || textIn(c, "reason") != "Pending" {
			return nil
		}
	}
	f := gatewayFinding(g, map[string]any{"unclaimed": true})
	f.Evidence = []finding.Evidence{seen(g, "status.conditions[Accepted]", "Unknown Pending")}
	class, a := snapshot.FindCustom(s, gatewayClassKind, "", f.Args["class"].(string))
	if a.State == snapshot.Present {
		f.Args["controller"] = textIn(class.Object, "spec", "controllerName")
		f.Evidence = append(f.Evidence, seen(class, "spec.controllerName", textIn(class.Object, "spec", "controllerName")))
		for _, c := range below(class.Object, "status", "conditions") {
			if textIn(c, "type") == "Accepted" {
				f.Evidence = append(f.Evidence, seen(class, "status.conditions[Accepted]", words(textIn(c, "status"), textIn(c, "reason"))))
			}
		}
	}
	return f
}

// refusedGateway: the controller says that the Gateway as a whole is not served.
// One that is not accepted is not programmed either: the first of the two is told.
func refusedGateway(s *snapshot.Snapshot, g *unstructured.Unstructured) *finding.Finding {
	for _, c := range below(g.Object, "status", "conditions") {
		kind, reason := textIn(c, "type"), textIn(c, "reason")
		if kind != "Accepted" && kind != "Programmed" || textIn(c, "status") != "False" || reason == "Pending" || stale(g, c) {
			continue
		}
		if (reason == "Invalid" || reason == "ListenersNotValid") && lacksReferences(s, g) {
			continue
		}
		f := gatewayFinding(g, map[string]any{"condition": kind, "reason": reason, "said": firstLine(textIn(c, "message"))})
		f.Evidence = []finding.Evidence{seen(g, "status.conditions["+kind+"]", "False "+words(reason, textIn(c, "message")))}
		return f
	}
	return nil
}

// lacksReferences says that other rules find by looking what the listeners lack.
func lacksReferences(s *snapshot.Snapshot, g *unstructured.Unstructured) bool {
	only := rule.NewScope(rule.RefTo(g))
	return len(checkGrants(s, only))+len(checkCertificates(s, only)) > 0
}

// refusedListeners: the controller serves the Gateway, and not all of its
// listeners. References that are found missing by looking are told as such.
func refusedListeners(s *snapshot.Snapshot, g *unstructured.Unstructured) []finding.Finding {
	var out []finding.Finding
	if lacksReferences(s, g) {
		return nil
	}
	for _, l := range below(g.Object, "status", "listeners") {
		for _, c := range below(l, "conditions") {
			kind, reason, bad := textIn(c, "type"), textIn(c, "reason"), "False"
			switch kind {
			case "Conflicted":
				bad = "True"
			case "Accepted", "Programmed", "ResolvedRefs":
			default:
				continue
			}
			if textIn(c, "status") != bad || reason == "Pending" || stale(g, c) {
				continue
			}
			f := gatewayFinding(g, map[string]any{"listener": textIn(l, "name"), "condition": kind, "reason": reason, "said": firstLine(textIn(c, "message"))})
			f.Evidence = []finding.Evidence{seen(g, fmt.Sprintf("status.listeners[%s].conditions[%s]", textIn(l, "name"), kind), words(bad+" "+reason, textIn(c, "message")))}
			out = append(out, *f)
			break
		}
	}
	return out
}

// checkCertificates: a listener takes its certificate from a Secret that is not there.
func checkCertificates(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, g := range customMembers(s, sc, gatewayAPIKind) {
		for _, c := range certificatesOf(g) {
			if _, a := snapshot.Get[*snapshot.Secret](s, c.namespace, c.name); a.State != snapshot.Absent {
				continue
			}
			f := routeFinding(g, map[string]any{
				"secret": c.name, "secretNamespace": c.namespace, "listener": c.listener, "host": c.host,
				"issued": issuedFor(g),
			})
			f.Via = []finding.Ref{c.ref()}
			f.Evidence = []finding.Evidence{seen(g, c.field+".name", c.name), {Object: c.ref().String(), Path: "metadata.name", Value: "not found"}}
			out = append(out, f)
		}
	}
	return out
}
