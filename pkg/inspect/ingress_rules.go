package inspect

import (
	"fmt"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	ingressKind      = snapshot.Kind("Ingress")
	ingressClassKind = snapshot.Kind("IngressClass")
	legacyClass      = "kubernetes.io/ingress.class"
	defaultIngress   = "ingressclass.kubernetes.io/is-default-class"
)

// ingressRules find why an Ingress leads nowhere.
func ingressRules() []rule.Rule {
	return []rule.Rule{
		{ID: "ingress/service-missing", Reads: []snapshot.Kind{ingressKind, "Service"}, Needs: backendNeeds, Check: checkBackends},
		{ID: "ingress/port-missing", Reads: []snapshot.Kind{ingressKind, "Service"}, Needs: backendNeeds, Check: checkBackendPorts},
		{ID: "ingress/class-missing", Reads: []snapshot.Kind{ingressKind, ingressClassKind}, Needs: ingressClassNeeds, Check: checkIngressClass},
		{ID: "ingress/tls-secret-missing", Reads: []snapshot.Kind{ingressKind, secretKind}, Needs: ingressSecretNeeds, Check: checkIngressSecrets},
		{ID: "ingress/path-conflict", Reads: []snapshot.Kind{ingressKind}, Needs: conflictingNeeds, Check: checkPathConflicts},
	}
}

// backend is one rule of an Ingress that leads to a Service.
type backend struct {
	host, path, kind string
	service          networkingv1.IngressServiceBackend
	field            string
}

// where is how people write the place: "shop.example.com/cart".
func (b backend) where() string {
	host := b.host
	if host == "" {
		host = "*"
	}
	if b.path == "" {
		return host
	}
	return host + b.path
}

func (b backend) port() string {
	if b.service.Port.Name != "" {
		return b.service.Port.Name
	}
	return fmt.Sprint(b.service.Port.Number)
}

// backends lists what an Ingress leads to; a backend that is no Service (a resource) is left out.
func backends(ing *networkingv1.Ingress) []backend {
	var out []backend
	if d := ing.Spec.DefaultBackend; d != nil && d.Service != nil {
		out = append(out, backend{service: *d.Service, field: "spec.defaultBackend"})
	}
	for i, r := range ing.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for j, p := range r.HTTP.Paths {
			if p.Backend.Service == nil {
				continue
			}
			kind := ""
			if p.PathType != nil {
				kind = string(*p.PathType)
			}
			out = append(out, backend{r.Host, p.Path, kind, *p.Backend.Service, fmt.Sprintf("spec.rules[%d].http.paths[%d].backend", i, j)})
		}
	}
	return out
}

func eachIngress(s *snapshot.Snapshot, sc *rule.Scope, visit func(*networkingv1.Ingress)) {
	for _, ing := range rule.Members[*networkingv1.Ingress](s, sc) {
		if ing.DeletionTimestamp == nil {
			visit(ing)
		}
	}
}

func ingressFinding(ing *networkingv1.Ingress, args map[string]any) finding.Finding {
	all := map[string]any{"name": ing.Name, "namespace": ing.Namespace}
	for k, v := range args {
		all[k] = v
	}
	return finding.Finding{Object: rule.RefTo(ing), Args: all}
}

// backendNeeds wants the Services by name while they are few.
func backendNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		n.Objects = append(n.Objects, ingressServices(ing)...)
	})
	return n
}

func ingressServices(ing *networkingv1.Ingress) []snapshot.Need {
	var out []snapshot.Need
	known := map[string]bool{}
	for _, b := range backends(ing) {
		if !known[b.service.Name] {
			known[b.service.Name] = true
			out = append(out, snapshot.Need{Kind: "Service", Namespace: ing.Namespace, Name: b.service.Name})
		}
	}
	if len(out) > 1 {
		return []snapshot.Need{{Kind: "Service", Namespace: ing.Namespace}}
	}
	return out
}

// checkBackends: a path leads to a Service that is not there.
func checkBackends(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		var names []string
		for _, o := range s.OfKind("Service", ing.Namespace) {
			names = append(names, o.GetName())
		}
		for _, b := range backends(ing) {
			if _, a := snapshot.Get[*corev1.Service](s, ing.Namespace, b.service.Name); a.State != snapshot.Absent {
				continue
			}
			service := finding.Ref{Kind: "Service", Namespace: ing.Namespace, Name: b.service.Name}
			f := ingressFinding(ing, map[string]any{"service": b.service.Name, "where": b.where(), "nearest": nearestName(b.service.Name, names)})
			f.Via = []finding.Ref{service}
			f.Evidence = []finding.Evidence{seen(ing, b.field+".service.name", b.service.Name), {Object: service.String(), Path: "metadata.name", Value: "not found"}}
			out = append(out, f)
		}
	})
	return out
}

// checkBackendPorts: the Service is there and has no such port.
func checkBackendPorts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		for _, b := range backends(ing) {
			svc, a := snapshot.Get[*corev1.Service](s, ing.Namespace, b.service.Name)
			if a.State != snapshot.Present || svc.Spec.Type == corev1.ServiceTypeExternalName {
				continue
			}
			var ports []string
			found := false
			for _, p := range svc.Spec.Ports {
				found = found || b.service.Port.Name != "" && p.Name == b.service.Port.Name || b.service.Port.Name == "" && p.Port == b.service.Port.Number
				ports = append(ports, strings.TrimSpace(fmt.Sprintf("%s %d", p.Name, p.Port)))
			}
			if found {
				continue
			}
			f := ingressFinding(ing, map[string]any{"service": svc.Name, "where": b.where(), "port": b.port(), "ports": strings.Join(ports, ", ")})
			f.Via = []finding.Ref{rule.RefTo(svc)}
			f.Evidence = []finding.Evidence{seen(ing, b.field+".service.port", b.port()), seen(svc, "spec.ports", orNone(ports))}
			out = append(out, f)
		}
	})
	return out
}

// served says that some controller has taken the Ingress up, whatever its class.
func served(ing *networkingv1.Ingress) bool { return len(ing.Status.LoadBalancer.Ingress) > 0 }

func ingressClassNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		if !served(ing) && ing.Annotations[legacyClass] == "" {
			n.Objects = append(n.Objects, snapshot.Need{Kind: ingressClassKind})
		}
	})
	return n
}

// checkIngressClass: no controller can feel spoken to. Silent where one has
// taken the Ingress up, or where the old annotation names a class: controllers
// read that in their own way.
func checkIngressClass(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		classes, a := snapshot.List[*networkingv1.IngressClass](s, "", nil)
		if served(ing) || ing.Annotations[legacyClass] != "" || a.State != snapshot.Present {
			return
		}
		var names []string
		wanted, ok := "", false
		if ing.Spec.IngressClassName != nil {
			wanted = *ing.Spec.IngressClassName
		}
		for _, c := range classes {
			names = append(names, c.Name)
			ok = ok || c.Name == wanted || wanted == "" && c.Annotations[defaultIngress] == "true"
		}
		if ok {
			return
		}
		f := ingressFinding(ing, map[string]any{"class": wanted, "classes": strings.Join(names, ", "), "nearest": nearestName(wanted, names)})
		f.Evidence = []finding.Evidence{seen(ing, "spec.ingressClassName", orNone(nonEmpty(wanted))), {Object: "ingressclasses", Path: "metadata.name", Value: orNone(names)}}
		if wanted == "" {
			f.Severity, f.Confidence = finding.Warning, finding.Likely // a controller may be set to take those without a class
		} else {
			f.Via = []finding.Ref{{Kind: string(ingressClassKind), Name: wanted}}
		}
		out = append(out, f)
	})
	return out
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func ingressSecretNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		for i, t := range ing.Spec.TLS {
			if t.SecretName != "" && i < fewTargets {
				n.Objects = append(n.Objects, snapshot.Need{Kind: secretKind, Namespace: ing.Namespace, Name: t.SecretName})
			}
		}
	})
	return n
}

// checkIngressSecrets: the certificate that an Ingress names is not there.
func checkIngressSecrets(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		for i, t := range ing.Spec.TLS {
			if t.SecretName == "" {
				continue
			}
			if _, a := snapshot.Get[*snapshot.Secret](s, ing.Namespace, t.SecretName); a.State != snapshot.Absent {
				continue
			}
			secret := finding.Ref{Kind: string(secretKind), Namespace: ing.Namespace, Name: t.SecretName}
			f := ingressFinding(ing, map[string]any{"secret": t.SecretName, "hosts": strings.Join(t.Hosts, ", "), "issued": issuedFor(ing)})
			f.Via = []finding.Ref{secret}
			f.Evidence = []finding.Evidence{seen(ing, fmt.Sprintf("spec.tls[%d].secretName", i), t.SecretName), {Object: secret.String(), Path: "metadata.name", Value: "not found"}}
			out = append(out, f)
		}
	})
	return out
}

// issuedFor says that cert-manager was asked to make the certificate.
func issuedFor(o snapshot.Object) bool {
	return o.GetAnnotations()["cert-manager.io/issuer"] != "" || o.GetAnnotations()["cert-manager.io/cluster-issuer"] != ""
}

func conflictingNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: ingressKind, Namespace: ing.Namespace})
	})
	return n
}

// checkPathConflicts: two rules of a class claim the same host and path, and
// lead elsewhere. Which one counts is each controller's own affair. A canary
// that is marked as one is meant to.
func checkPathConflicts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		all, _ := snapshot.List[*networkingv1.Ingress](s, ing.Namespace, nil)
		others := map[string]bool{}
		where := ""
		for _, other := range all {
			if canary(ing) || canary(other) || classNameOf(ing) != classNameOf(other) {
				continue
			}
			for i, mine := range backends(ing) {
				for j, theirs := range backends(other) {
					same := mine.host == theirs.host && mine.path == theirs.path && mine.kind == theirs.kind
					elsewhere := mine.service.Name != theirs.service.Name || mine.port() != theirs.port()
					if same && elsewhere && mine.path != "" && (other.Name != ing.Name || i < j) {
						others[other.Name], where = true, mine.where()
					}
				}
			}
		}
		if len(others) == 0 {
			return
		}
		names := make([]string, 0, len(others))
		for n := range others {
			names = append(names, n)
		}
		sort.Strings(names)
		f := ingressFinding(ing, map[string]any{"others": strings.Join(names, ", "), "where": where, "itself": len(names) == 1 && names[0] == ing.Name})
		for _, n := range names {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: "ingress/" + n, Path: "spec.rules", Value: where})
		}
		out = append(out, f)
	})
	return out
}

func canary(ing *networkingv1.Ingress) bool {
	return ing.Annotations["nginx.ingress.kubernetes.io/canary"] == "true"
}

func classNameOf(ing *networkingv1.Ingress) string {
	if ing.Spec.IngressClassName != nil {
		return *ing.Spec.IngressClassName
	}
	return ing.Annotations[legacyClass]
}
