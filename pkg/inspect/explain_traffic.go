package inspect

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// defaultIngressClass marks the IngressClass of an Ingress that names none.
const defaultIngressClass = "ingressclass.kubernetes.io/is-default-class"

func (e explainer) endpointSlice(v *discoveryv1.EndpointSlice) told {
	ready := 0
	t := told{health: Unknown}
	for _, ep := range v.Endpoints {
		ok := ep.Conditions.Ready == nil || *ep.Conditions.Ready
		if ok {
			ready++
		}
		t.rows = append(t.rows, named(strings.Join(ep.Addresses, ", "), e.text("word-ready", nil), e.yesNo(ok), judged(ok)))
		if r := ep.TargetRef; r != nil {
			t.points(RefersTo, r.Kind, v.Namespace, r.Name)
		}
	}
	if len(t.rows) > shownLinks {
		t.rows = t.rows[:shownLinks]
	}
	service := v.Labels[discoveryv1.LabelServiceName]
	t.points(OwnedBy, "Service", v.Namespace, service)
	t.summary = e.text("endpointslice", map[string]any{"service": service, "type": string(v.AddressType)})
	t.status = e.text("status-endpoints-ready", map[string]any{"ready": ready, "total": len(v.Endpoints)})
	if ready > 0 {
		t.health = Healthy
	}
	return t
}

// ingressClassOf is the class that an Ingress names, in the field or in the
// annotation that came before it.
func ingressClassOf(v *networkingv1.Ingress) string {
	if v.Spec.IngressClassName != nil {
		return *v.Spec.IngressClassName
	}
	return v.Annotations["kubernetes.io/ingress.class"]
}

func (e explainer) ingress(v *networkingv1.Ingress) told {
	var hosts []string
	t := told{health: Healthy}
	if b := v.Spec.DefaultBackend; b != nil {
		t.rows = append(t.rows, e.backend(&t, v.Namespace, "*", b))
	}
	for _, r := range v.Spec.Rules {
		host := r.Host
		if host == "" {
			host = "*"
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
		if r.HTTP == nil {
			continue
		}
		for _, p := range r.HTTP.Paths {
			t.rows = append(t.rows, e.backend(&t, v.Namespace, host+p.Path, &p.Backend))
		}
	}
	for _, tls := range v.Spec.TLS {
		t.points(RefersTo, "Secret", v.Namespace, tls.SecretName)
	}
	class := ingressClassOf(v)
	t.points(RefersTo, "IngressClass", "", class)
	t.summary = e.text("ingress", map[string]any{"hosts": strings.Join(hosts, ", "), "class": class})
	var at []string
	for _, lb := range v.Status.LoadBalancer.Ingress {
		at = append(at, lb.IP+lb.Hostname)
	}
	t.status = e.text("no-address", nil)
	if len(at) > 0 {
		t.status = strings.Join(at, ", ")
	}
	return t
}

// backend is one way in: the Service and port that it leads to, and whether they are there.
func (e explainer) backend(t *told, namespace, way string, b *networkingv1.IngressBackend) Comparison {
	if b.Service == nil {
		if b.Resource != nil {
			return named(way, strings.ToLower(b.Resource.Kind)+"/"+b.Resource.Name, "", nil)
		}
		return named(way, "", "", nil)
	}
	port := b.Service.Port.Name
	if port == "" {
		port = strconv.Itoa(int(b.Service.Port.Number))
	}
	t.points(RefersTo, "Service", namespace, b.Service.Name)
	row := e.route(namespace, way, b.Service.Name, port)
	if row.OK != nil && !*row.OK {
		t.health = Unwell
	}
	return row
}

// route says whether a Service with the port is there.
func (e explainer) route(namespace, way, service, port string) Comparison {
	desired := "service/" + service
	if port != "" {
		desired += ":" + port
	}
	svc, a := snapshot.Get[*corev1.Service](e.s, namespace, service)
	switch {
	case a.State == snapshot.Absent:
		return named(way, desired, e.text("no-service", nil), judged(false))
	case a.State != snapshot.Present:
		return named(way, desired, e.text("not-read", nil), nil)
	}
	if port != "" && !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == port || strconv.Itoa(int(p.Port)) == port }) {
		return named(way, desired, e.text("no-port", nil), judged(false))
	}
	if health, said := e.serviceWord(svc); said != "" {
		if health != Healthy {
			return named(way, desired, said, nil)
		}
		return named(way, desired, said, judged(true))
	}
	return named(way, desired, e.text("there", nil), judged(true))
}

func (e explainer) ingressClass(v *networkingv1.IngressClass) told {
	isDefault := v.Annotations[defaultIngressClass] == "true"
	t := told{
		summary: e.text("ingressclass", map[string]any{"controller": v.Spec.Controller, "default": isDefault}),
		health:  Healthy, status: v.Spec.Controller,
	}
	all, answer := snapshot.List[*networkingv1.Ingress](e.s, "", nil)
	n := 0
	for _, ing := range all {
		if ingressClassOf(ing) == v.Name {
			n++
			t.points(UsedBy, "Ingress", ing.Namespace, ing.Name)
		}
	}
	if answer.State == snapshot.Present {
		t.rows = append(t.rows, e.fact("what-ingresses", strconv.Itoa(n)))
	}
	return t
}

func (e explainer) networkPolicy(v *networkingv1.NetworkPolicy) told {
	selector, err := metav1.LabelSelectorAsSelector(&v.Spec.PodSelector)
	if err != nil {
		return told{health: Unknown, status: err.Error()}
	}
	in, out := policyDirections(v)
	t := told{
		summary: e.text("networkpolicy", map[string]any{"selector": selector.String(), "in": in, "out": out}),
		health:  Healthy,
	}
	pods, answer := snapshot.List[*corev1.Pod](e.s, v.Namespace, selector)
	if answer.State == snapshot.Present {
		t.status = e.text("policy-pods", map[string]any{"n": len(pods)})
	}
	for _, pod := range pods {
		t.points(Selects, "Pod", pod.Namespace, pod.Name)
	}
	for _, r := range v.Spec.Ingress {
		t.rows = append(t.rows, named(e.text("policy-from", nil), e.peers(r.From), e.policyPorts(r.Ports), nil))
	}
	if in && len(v.Spec.Ingress) == 0 {
		t.rows = append(t.rows, named(e.text("policy-from", nil), e.text("nobody", nil), "", nil))
	}
	for _, r := range v.Spec.Egress {
		t.rows = append(t.rows, named(e.text("policy-to", nil), e.peers(r.To), e.policyPorts(r.Ports), nil))
	}
	if out && len(v.Spec.Egress) == 0 {
		t.rows = append(t.rows, named(e.text("policy-to", nil), e.text("nobody", nil), "", nil))
	}
	return t
}

// policyDirections: without policyTypes ingress is meant always, egress where it has rules.
func policyDirections(v *networkingv1.NetworkPolicy) (in, out bool) {
	if len(v.Spec.PolicyTypes) == 0 {
		return true, len(v.Spec.Egress) > 0
	}
	return slices.Contains(v.Spec.PolicyTypes, networkingv1.PolicyTypeIngress), slices.Contains(v.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
}

func (e explainer) peers(peers []networkingv1.NetworkPolicyPeer) string {
	if len(peers) == 0 {
		return e.text("anybody", nil)
	}
	var out []string
	for _, p := range peers {
		switch {
		case p.IPBlock != nil:
			out = append(out, p.IPBlock.CIDR+except(p.IPBlock.Except))
		case p.NamespaceSelector != nil && p.PodSelector != nil:
			out = append(out, e.text("peer-both", map[string]any{"pods": selectorText(p.PodSelector), "namespaces": selectorText(p.NamespaceSelector)}))
		case p.NamespaceSelector != nil:
			out = append(out, e.text("peer-namespaces", map[string]any{"namespaces": selectorText(p.NamespaceSelector)}))
		default:
			out = append(out, e.text("peer-pods", map[string]any{"pods": selectorText(p.PodSelector)}))
		}
	}
	return strings.Join(out, "; ")
}

func except(blocks []string) string {
	if len(blocks) == 0 {
		return ""
	}
	return " - " + strings.Join(blocks, " - ")
}

func selectorText(s *metav1.LabelSelector) string {
	if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return ""
	}
	return metav1.FormatLabelSelector(s)
}

func (e explainer) policyPorts(ports []networkingv1.NetworkPolicyPort) string {
	if len(ports) == 0 {
		return e.text("any-port", nil)
	}
	var out []string
	for _, p := range ports {
		s := "TCP"
		if p.Protocol != nil {
			s = string(*p.Protocol)
		}
		if p.Port != nil {
			s += " " + p.Port.String()
		}
		if p.EndPort != nil {
			s += "-" + strconv.Itoa(int(*p.EndPort))
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// labelText is a set of labels in a stable order.
func labelText(set map[string]string) string { return labels.FormatLabels(set) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
