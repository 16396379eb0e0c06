package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// outsideRules look at Services that lead to something else than pods.
func outsideRules() []rule.Rule {
	return []rule.Rule{
		{ID: "service/external-name-address", Reads: []snapshot.Kind{"Service"}, Check: checkExternalName},
		{ID: "service/endpoint-port-mismatch", Reads: []snapshot.Kind{"Service", "EndpointSlice"}, Check: checkSlicePorts},
	}
}

// checkExternalName: the name is an address. The DNS answers with a CNAME, and
// no name is spelled like an address (core/v1 types.go, ServiceTypeExternalName).
func checkExternalName(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range rule.Members[*corev1.Service](s, sc) {
		if _, err := netip.ParseAddr(svc.Spec.ExternalName); svc.Spec.Type != corev1.ServiceTypeExternalName || err != nil {
			continue
		}
		f := finding.Finding{Object: rule.RefTo(svc), Args: map[string]any{"service": svc.Name, "namespace": svc.Namespace, "address": svc.Spec.ExternalName}}
		f.Evidence = []finding.Evidence{seen(svc, "spec.externalName", svc.Spec.ExternalName)}
		out = append(out, f)
	}
	return out
}

// checkSlicePorts: endpoints that somebody else keeps are joined to a Service's
// ports by the ports' names alone (kube-proxy, proxy/endpointslicecache.go).
// Silent for headless Services, whose addresses are found without a port.
func checkSlicePorts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range rule.Members[*corev1.Service](s, sc) {
		if len(svc.Spec.Selector) > 0 || svc.Spec.Type == corev1.ServiceTypeExternalName || svc.Spec.ClusterIP == corev1.ClusterIPNone || svc.DeletionTimestamp != nil {
			continue
		}
		names, first := slicePorts(s, svc)
		if first == nil {
			continue
		}
		for _, p := range svc.Spec.Ports {
			if slices.Contains(names, p.Name) {
				continue
			}
			f := finding.Finding{Object: rule.RefTo(svc), Via: []finding.Ref{rule.RefTo(first)}, Args: map[string]any{
				"service": svc.Name, "namespace": svc.Namespace, "port": int(p.Port), "name": p.Name, "slice": first.Name, "names": quoted(names),
			}}
			f.Evidence = []finding.Evidence{
				seen(svc, fmt.Sprintf("spec.ports[%d].name", p.Port), quoted([]string{p.Name})), seen(first, "ports[*].name", quoted(names)),
			}
			out = append(out, f)
		}
	}
	return out
}

// slicePorts are the names of the ports that a Service's endpoints have, and
// the first slice with endpoints; none where they could not all be read.
func slicePorts(s *snapshot.Snapshot, svc *corev1.Service) (names []string, first *discoveryv1.EndpointSlice) {
	all, a := snapshot.List[*discoveryv1.EndpointSlice](s, svc.Namespace, labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: svc.Name}))
	if a.State != snapshot.Present {
		return nil, nil
	}
	for _, slice := range all {
		if len(slice.Endpoints) == 0 {
			continue
		}
		if first == nil {
			first = slice
		}
		for _, p := range slice.Ports {
			name := ""
			if p.Name != nil {
				name = *p.Name
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, first
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return orNone(nonEmpty(strings.Join(out, ", ")))
}
