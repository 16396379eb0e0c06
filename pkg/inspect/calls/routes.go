package calls

import (
	"encoding/json"
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// routes draws an arrow from every Ingress and route to the Services it sends requests to.
func (d *drawer) routes() {
	for _, k := range []snapshot.Kind{"Ingress", "HTTPRoute", "GRPCRoute", "VirtualService"} {
		for _, o := range d.s.OfKind(k, d.namespace) {
			hosts, backends := routeOf(k, o)
			r := rule.RefTo(o)
			entry := Node{ID: d.id(r), Sort: Entry, Name: d.label(r), Object: r, Hosts: hosts}
			for _, b := range backends {
				host := b.host
				if k != "VirtualService" && !strings.Contains(host, ".") { // these name Services and nothing else, be they there or not
					host += "." + r.Namespace + ".svc"
				}
				to, ok := d.callee(r.Namespace, snapshot.Address{Host: host, Port: b.port})
				if ok && !(k == "VirtualService" && d.mesh(hosts, r.Namespace, to)) {
					d.arrow(d.node(entry), to, b.port, Declared, Basis{Source: FromRoute, Object: r, Path: b.path, Value: b.value()})
				}
			}
		}
	}
}

// mesh says that a VirtualService only splits what is sent to this same Service
// inside the mesh: that is no caller.
func (d *drawer) mesh(hosts []string, namespace, to string) bool {
	for _, h := range hosts {
		if id, ok := d.callee(namespace, snapshot.Address{Host: h}); ok && id == to {
			return true
		}
	}
	return false
}

// backend is where a route sends requests.
type backend struct{ host, port, path string }

func (b backend) value() string {
	if b.port == "" {
		return b.host
	}
	return b.host + ":" + b.port
}

// routeOf reads hosts and backends of any of the four kinds, whose fields do not collide.
func routeOf(kind snapshot.Kind, o snapshot.Object) (hosts []string, backends []backend) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, nil
	}
	var in route
	if json.Unmarshal(data, &in) != nil {
		return nil, nil
	}
	hosts = append(append(hosts, in.Spec.Hostnames...), in.Spec.Hosts...)
	if kind == "Ingress" {
		if b := in.Spec.DefaultBackend; b != nil && b.Service.Name != "" {
			backends = append(backends, b.backend("spec.defaultBackend"))
		}
	}
	for i, r := range in.Spec.Rules {
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
		if r.HTTP != nil {
			for _, p := range r.HTTP.Paths {
				if p.Backend.Service.Name != "" {
					backends = append(backends, p.Backend.backend(strings.TrimSpace(r.Host+" "+p.Path)))
				}
			}
		}
		for _, b := range r.BackendRefs {
			if b.Kind == "" || b.Kind == "Service" {
				host := b.Name
				if b.Namespace != "" {
					host += "." + b.Namespace + ".svc"
				}
				backends = append(backends, backend{host, portText(b.Port), fmt.Sprintf("spec.rules[%d]", i)})
			}
		}
	}
	for _, rules := range [][]meshRule{in.Spec.HTTP, in.Spec.TCP, in.Spec.TLS} {
		for _, r := range rules {
			for _, to := range r.Route {
				backends = append(backends, backend{to.Destination.Host, portText(to.Destination.Port.Number), "route.destination"})
			}
		}
	}
	return hosts, backends
}

func portText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// route has the fields of an Ingress, of the routes of the Gateway API and of a
// VirtualService that say where requests go.
type route struct {
	Spec struct {
		Hostnames      []string        `json:"hostnames"`
		Hosts          []string        `json:"hosts"`
		DefaultBackend *ingressBackend `json:"defaultBackend"`
		Rules          []struct {
			Host string `json:"host"`
			HTTP *struct {
				Paths []struct {
					Path    string         `json:"path"`
					Backend ingressBackend `json:"backend"`
				} `json:"paths"`
			} `json:"http"`
			BackendRefs []struct {
				Kind, Name, Namespace string
				Port                  int
			} `json:"backendRefs"`
		} `json:"rules"`
		HTTP []meshRule `json:"http"`
		TCP  []meshRule `json:"tcp"`
		TLS  []meshRule `json:"tls"`
	} `json:"spec"`
}

type meshRule struct {
	Route []struct {
		Destination struct {
			Host string `json:"host"`
			Port struct {
				Number int `json:"number"`
			} `json:"port"`
		} `json:"destination"`
	} `json:"route"`
}

type ingressBackend struct {
	Service struct {
		Name string `json:"name"`
		Port struct {
			Name   string `json:"name"`
			Number int    `json:"number"`
		} `json:"port"`
	} `json:"service"`
}

func (b ingressBackend) backend(path string) backend {
	port := b.Service.Port.Name
	if b.Service.Port.Number != 0 {
		port = fmt.Sprint(b.Service.Port.Number)
	}
	return backend{b.Service.Name, port, path}
}

// policies draws who is let in by a NetworkPolicy that names its peers by pod
// labels of the same namespace. A policy that lets everyone in says nothing of callers.
func (d *drawer) policies() {
	for _, o := range d.s.OfKind("NetworkPolicy", d.namespace) {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		for i, rule := range p.Spec.Ingress {
			for _, peer := range rule.From {
				if peer.PodSelector == nil || peer.NamespaceSelector != nil || len(peer.PodSelector.MatchLabels)+len(peer.PodSelector.MatchExpressions) == 0 {
					continue
				}
				port := ""
				if len(rule.Ports) == 1 && rule.Ports[0].Port != nil {
					port = rule.Ports[0].Port.String()
				}
				d.letIn(p, *peer.PodSelector, port, i)
			}
		}
	}
}

func (d *drawer) letIn(p *networkingv1.NetworkPolicy, peer metav1.LabelSelector, port string, i int) {
	into, from := d.selected(p.Namespace, p.Spec.PodSelector), d.selected(p.Namespace, peer)
	basis := Basis{Source: FromPolicy, Object: finding.Ref{Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name}, Path: fmt.Sprintf("spec.ingress[%d]", i)}
	for _, f := range from {
		for _, t := range into {
			d.arrow(f, t, port, Allowed, basis)
		}
	}
}

// selected lists the nodes whose workloads' pods a selector matches.
func (d *drawer) selected(namespace string, by metav1.LabelSelector) []string {
	selector, err := metav1.LabelSelectorAsSelector(&by)
	if err != nil {
		return nil
	}
	var out []string
	for _, w := range d.templates() {
		if w.object.GetNamespace() == namespace && selector.Matches(labels.Set(w.template.Labels)) {
			out = append(out, d.home[rule.RefTo(w.object)][0])
		}
	}
	return out
}
