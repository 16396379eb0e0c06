package inspect

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// gatewayKind: kinds of the Gateway API, and where they lead.
func (e explainer) gatewayKind(t *told, u *unstructured.Unstructured) {
	switch snapshot.KindOf(u) {
	case "GatewayClass":
		t.summary = e.text("gatewayclass", map[string]any{"controller": textIn(u.Object, "spec", "controllerName")})
		gateways, _ := snapshot.ListCustom(e.s, gatewayAPIKind, "", nil)
		for _, g := range gateways {
			if textIn(g.Object, "spec", "gatewayClassName") == u.GetName() {
				t.points(UsedBy, string(gatewayAPIKind), g.GetNamespace(), g.GetName())
			}
		}
	case "Gateway":
		var listeners []string
		for _, l := range below(u.Object, "spec", "listeners") {
			listeners = append(listeners, textIn(l, "name")+" "+textIn(l, "protocol")+" "+textIn(l, "port"))
			for _, ref := range below(l, "tls", "certificateRefs") {
				t.points(RefersTo, "Secret", in(u, textIn(ref, "namespace")), textIn(ref, "name"))
			}
		}
		t.summary = e.text("gateway", map[string]any{"listeners": strings.Join(listeners, ", "), "class": textIn(u.Object, "spec", "gatewayClassName")})
		t.points(RefersTo, "GatewayClass", "", textIn(u.Object, "spec", "gatewayClassName"))
		var at []string
		for _, a := range below(u.Object, "status", "addresses") {
			at = append(at, textIn(a, "value"))
		}
		if len(at) > 0 {
			t.rows = append(t.rows, e.fact("what-addresses", strings.Join(at, ", ")))
		}
		for _, kind := range []snapshot.Kind{"HTTPRoute", "GRPCRoute"} {
			e.routesOf(t, kind, u)
		}
	case "HTTPRoute", "GRPCRoute":
		e.gatewayRoute(t, u)
	}
}

func in(u *unstructured.Unstructured, namespace string) string {
	if namespace == "" {
		return u.GetNamespace()
	}
	return namespace
}

// routesOf points to the routes that name a Gateway as their parent.
func (e explainer) routesOf(t *told, kind snapshot.Kind, gateway *unstructured.Unstructured) {
	routes, _ := snapshot.ListCustom(e.s, kind, "", nil)
	for _, r := range routes {
		for _, p := range below(r.Object, "spec", "parentRefs") {
			if textIn(p, "name") == gateway.GetName() && in(r, textIn(p, "namespace")) == gateway.GetNamespace() {
				t.points(UsedBy, string(kind), r.GetNamespace(), r.GetName())
			}
		}
	}
}

func (e explainer) gatewayRoute(t *told, u *unstructured.Unstructured) {
	hosts := listIn(u.Object, "spec", "hostnames")
	t.summary = e.text("route", map[string]any{"hosts": strings.Join(hosts, ", ")})
	for _, p := range below(u.Object, "spec", "parentRefs") {
		kind := textIn(p, "kind")
		if kind == "" {
			kind = "Gateway"
		}
		t.points(RefersTo, kind, in(u, textIn(p, "namespace")), textIn(p, "name"))
	}
	for i, r := range below(u.Object, "spec", "rules") {
		if len(below(r, "backendRefs")) == 0 {
			t.rows = append(t.rows, e.unsent(i, r))
		}
		for _, b := range below(r, "backendRefs") {
			e.weighted(t, i, textIn(b, "kind"), in(u, textIn(b, "namespace")), textIn(b, "name"), textIn(b, "port"), textIn(b, "weight"))
		}
	}
}

// unsent is a rule that sends nothing on: it redirects, or has the Gateway answer with an error.
func (e explainer) unsent(at int, r map[string]any) Comparison {
	what := e.text("what-rule", map[string]any{"n": at + 1, "weight": ""})
	for _, f := range below(r, "filters") {
		if to, ok := f["requestRedirect"].(map[string]any); ok {
			return named(what, e.text("route-redirects", map[string]any{
				"to": strings.Trim(textIn(to, "scheme")+" "+textIn(to, "hostname"), " "), "code": textIn(to, "statusCode"),
			}), "", nil)
		}
	}
	if len(below(r, "filters")) > 0 { // one of them may answer
		return named(what, e.text("route-no-backend", nil), "", nil)
	}
	return named(what, e.text("route-answers-error", nil), "", judged(false))
}

// weighted is one backend of a rule, with its share where it has one.
func (e explainer) weighted(t *told, at int, kind, namespace, name, port, weight string) {
	if kind == "" {
		kind = "Service"
	}
	row := named("", strings.ToLower(kind)+"/"+name, "", nil)
	if kind == "Service" {
		row = e.route(namespace, "", name, port)
	}
	row.What = e.text("what-rule", map[string]any{"n": at + 1, "weight": weight})
	t.points(RefersTo, kind, namespace, name)
	if row.OK != nil && !*row.OK {
		t.health = Unwell
	}
	t.rows = append(t.rows, row)
}

// meshKind: routes of service meshes and proxies.
func (e explainer) meshKind(t *told, u *unstructured.Unstructured) {
	switch snapshot.KindOf(u) {
	case "VirtualService":
		t.summary = e.text("virtualservice", map[string]any{"hosts": strings.Join(listIn(u.Object, "spec", "hosts"), ", ")})
		for _, protocol := range []string{"http", "tcp", "tls"} {
			for i, r := range below(u.Object, "spec", protocol) {
				for _, to := range below(r, "route") {
					name, namespace := serviceHost(textIn(to, "destination", "host"), u.GetNamespace())
					e.weighted(t, i, "Service", namespace, name, textIn(to, "destination", "port", "number"), textIn(to, "weight"))
				}
			}
		}
	case "DestinationRule":
		var subsets []string
		for _, s := range below(u.Object, "spec", "subsets") {
			subsets = append(subsets, textIn(s, "name"))
		}
		host := textIn(u.Object, "spec", "host")
		t.summary = e.text("destinationrule", map[string]any{"host": host, "subsets": strings.Join(subsets, ", ")})
		name, namespace := serviceHost(host, u.GetNamespace())
		t.points(RefersTo, "Service", namespace, name)
	case "TrafficSplit":
		t.summary = e.text("trafficsplit", map[string]any{"service": textIn(u.Object, "spec", "service")})
		t.points(RefersTo, "Service", u.GetNamespace(), textIn(u.Object, "spec", "service"))
		for _, b := range below(u.Object, "spec", "backends") {
			e.weighted(t, 0, "Service", u.GetNamespace(), textIn(b, "service"), "", textIn(b, "weight"))
		}
	case "TraefikService":
		t.summary = e.text("traefikservice", nil)
		for _, b := range below(u.Object, "spec", "weighted", "services") {
			e.weighted(t, 0, textIn(b, "kind"), in(u, textIn(b, "namespace")), textIn(b, "name"), textIn(b, "port"), textIn(b, "weight"))
		}
	}
}

// serviceHost is the Service that a host of a mesh names: short names are of
// the route's own namespace, and only names below svc are Services.
func serviceHost(host, namespace string) (name, where string) {
	parts := strings.Split(host, ".")
	switch {
	case len(parts) == 1:
		return host, namespace
	case len(parts) == 2 || len(parts) > 2 && parts[2] == "svc":
		return parts[0], parts[1]
	}
	return "", namespace
}

func (e explainer) vertical(t *told, u *unstructured.Unstructured) {
	target := textIn(u.Object, "spec", "targetRef", "kind") + " " + textIn(u.Object, "spec", "targetRef", "name")
	t.summary = e.text("vertical", map[string]any{"target": target, "mode": textIn(u.Object, "spec", "updatePolicy", "updateMode")})
	group := groupOf(textIn(u.Object, "spec", "targetRef", "apiVersion"))
	t.points(Controls, string(snapshot.KindNamed(group, textIn(u.Object, "spec", "targetRef", "kind"))), u.GetNamespace(), textIn(u.Object, "spec", "targetRef", "name"))
	for _, r := range below(u.Object, "status", "recommendation", "containerRecommendations") {
		amounts := map[string]string{"cpu": textIn(r, "target", "cpu"), "memory": textIn(r, "target", "memory")}
		t.rows = append(t.rows, named(e.text("what-container", map[string]any{"name": textIn(r, "containerName")}), labelText(amounts), "", nil))
	}
}

// deliveryKind: what brings objects from a repository into the cluster.
func (e explainer) deliveryKind(t *told, u *unstructured.Unstructured) {
	switch snapshot.KindOf(u) {
	case "Application":
		source := textIn(u.Object, "spec", "source", "repoURL") + " " + textIn(u.Object, "spec", "source", "path") + textIn(u.Object, "spec", "source", "chart")
		t.summary = e.text("application", map[string]any{"source": strings.TrimSpace(source), "revision": textIn(u.Object, "spec", "source", "targetRevision"), "heals": heals(u)})
		sync, health := textIn(u.Object, "status", "sync", "status"), textIn(u.Object, "status", "health", "status")
		t.rows = append(t.rows,
			named("sync", "Synced", sync, judged(sync == "Synced")), named("health", "Healthy", health, judged(health == "Healthy")))
		t.status = strings.Trim(sync+", "+health, ", ")
		switch {
		case health == "Degraded" || sync == "Unknown" || textIn(u.Object, "status", "operationState", "phase") == "Failed":
			t.health = Unwell
		case health == "Healthy" && sync == "Synced":
			t.health = Healthy
		case sync+health != "":
			t.health = Progressing
		}
	case "Kustomization", "HelmRelease":
		ref := []string{"spec", "sourceRef"}
		if snapshot.KindOf(u) == "HelmRelease" {
			ref = []string{"spec", "chart", "spec", "sourceRef"}
		}
		source, _, _ := unstructured.NestedMap(u.Object, ref...)
		t.summary = e.text("flux", map[string]any{
			"kind": string(snapshot.KindOf(u)), "source": strings.TrimSpace(textIn(source, "kind") + " " + textIn(source, "name")),
			"path": textIn(u.Object, "spec", "path") + textIn(u.Object, "spec", "chart", "spec", "chart"), "interval": textIn(u.Object, "spec", "interval"),
		})
	}
}

// heals: Argo CD puts a change by hand back only where it was told to.
func heals(u *unstructured.Unstructured) bool {
	return textIn(u.Object, "spec", "syncPolicy", "automated", "selfHeal") == "true"
}
