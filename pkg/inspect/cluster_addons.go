package inspect

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// addon is how one is recognised: by the name of a workload, by
// app.kubernetes.io/name or k8s-app on one, by the controller of a class, or by
// an API group that it brings. Only what was seen is told.
type addon struct {
	role, name string
	// names are values of app.kubernetes.io/name and k8s-app, and names of workloads.
	names []string
	// controllers are prefixes of the controller of an IngressClass or GatewayClass.
	controllers []string
	groups      []string
}

func knownAddons() []addon {
	return []addon{
		{role: "dns", name: "CoreDNS", names: []string{"coredns", "kube-dns"}},
		{role: "metrics", name: "metrics-server", names: []string{"metrics-server"}, groups: []string{"metrics.k8s.io"}},
		{role: "proxy", name: "kube-proxy", names: []string{"kube-proxy"}},
		{role: "cni", name: "Calico", names: []string{"calico-node"}, groups: []string{"crd.projectcalico.org", "projectcalico.org"}},
		{role: "cni", name: "Cilium", names: []string{"cilium", "cilium-agent"}, groups: []string{"cilium.io"}},
		{role: "cni", name: "Flannel", names: []string{"kube-flannel-ds", "kube-flannel", "flannel"}},
		{role: "cni", name: "Weave Net", names: []string{"weave-net"}},
		{role: "cni", name: "kindnet", names: []string{"kindnet"}},
		{role: "cni", name: "AWS VPC CNI", names: []string{"aws-node"}},
		{role: "cni", name: "Azure CNI", names: []string{"azure-cns"}},
		{role: "cni", name: "Antrea", names: []string{"antrea-agent"}, groups: []string{"crd.antrea.io"}},
		{role: "cni", name: "OVN-Kubernetes", names: []string{"ovnkube-node"}, groups: []string{"k8s.ovn.org"}},
		{role: "cni", name: "kube-router", names: []string{"kube-router"}},
		{role: "ingress", name: "ingress-nginx", names: []string{"ingress-nginx", "ingress-nginx-controller"}, controllers: []string{"k8s.io/ingress-nginx"}},
		{role: "ingress", name: "NGINX Ingress Controller", names: []string{"nginx-ingress"}, controllers: []string{"nginx.org/ingress-controller"}},
		{role: "ingress", name: "Traefik", names: []string{"traefik"}, controllers: []string{"traefik.io/"}, groups: []string{"traefik.io"}},
		{role: "ingress", name: "HAProxy", names: []string{"haproxy-ingress"}, controllers: []string{"haproxy.org/", "haproxy-ingress"}},
		{role: "ingress", name: "Contour", names: []string{"contour"}, controllers: []string{"projectcontour.io/"}, groups: []string{"projectcontour.io"}},
		{role: "ingress", name: "Kong", names: []string{"kong"}, controllers: []string{"ingress-controllers.konghq.com/", "konghq.com/"}, groups: []string{"configuration.konghq.com"}},
		{role: "ingress", name: "AWS Load Balancer Controller", names: []string{"aws-load-balancer-controller"}, controllers: []string{"ingress.k8s.aws/"}, groups: []string{"elbv2.k8s.aws"}},
		{role: "gateway", name: "Envoy Gateway", names: []string{"envoy-gateway", "gateway-helm"}, controllers: []string{"gateway.envoyproxy.io/"}, groups: []string{"gateway.envoyproxy.io"}},
		{role: "gateway", name: "NGINX Gateway Fabric", names: []string{"nginx-gateway"}, controllers: []string{"gateway.nginx.org/"}},
		{role: "gateway", name: "Gateway API", groups: []string{"gateway.networking.k8s.io"}},
		{role: "mesh", name: "Istio", names: []string{"istiod"}, controllers: []string{"istio.io/"}, groups: []string{"networking.istio.io"}},
		{role: "mesh", name: "Linkerd", names: []string{"linkerd-destination"}, groups: []string{"policy.linkerd.io", "linkerd.io"}},
		{role: "monitoring", name: "Prometheus", names: []string{"prometheus", "kube-prometheus-stack-prometheus"}},
		{role: "monitoring", name: "Prometheus Operator", names: []string{"prometheus-operator", "kube-prometheus-stack-prometheus-operator"}, groups: []string{"monitoring.coreos.com"}},
		{role: "delivery", name: "Argo CD", names: []string{"argocd-server", "argocd-application-controller"}, groups: []string{"argoproj.io"}},
		{role: "delivery", name: "Flux", names: []string{"source-controller", "kustomize-controller"}, groups: []string{"kustomize.toolkit.fluxcd.io"}},
		{role: "certificates", name: "cert-manager", names: []string{"cert-manager"}, groups: []string{"cert-manager.io"}},
	}
}

// addons are those that were seen, each with the best that was seen of it.
func (t clusterTeller) addons() []Part {
	out := []Part{}
	for _, a := range knownAddons() {
		if p, ok := t.addon(a); ok {
			out = append(out, p)
		}
	}
	for _, role := range []struct{ role, name string }{{"dns", "DNS"}, {"metrics", "metrics-server"}, {"cni", "CNI"}} {
		if !slices.ContainsFunc(out, func(p Part) bool { return p.Role == role.role }) {
			out = append(out, t.noneOf(role.role, role.name))
		}
	}
	order := []string{"dns", "metrics", "cni", "proxy", "ingress", "gateway", "mesh", "monitoring", "delivery", "certificates"}
	slices.SortStableFunc(out, func(a, b Part) int { return cmp.Compare(slices.Index(order, a.Role), slices.Index(order, b.Role)) })
	return out
}

// noneOf is an add-on that nearly every cluster has, and that was not found
// among what was read; where that could not be, it is not said to be missing.
func (t clusterTeller) noneOf(role, name string) Part {
	p := Part{Role: role, Name: name, Health: Unknown, Status: t.say("cluster-none-seen", nil), Basis: "daemonsets, deployments in " + systemNamespace}
	if a := t.looked(); a.State != snapshot.Present {
		return t.unseen(role, name, p.Basis, a.Why)
	}
	return p
}

// looked says whether the workloads in which add-ons run were read.
func (t clusterTeller) looked() snapshot.Answer {
	for _, a := range []snapshot.Answer{t.s.Covered("DaemonSet", "", ""), t.s.Covered("Deployment", systemNamespace, "")} {
		if a.State != snapshot.Present {
			return a
		}
	}
	return snapshot.Answer{State: snapshot.Present}
}

// addon looks for one: a workload tells most, a class or an API group only that it was installed.
func (t clusterTeller) addon(a addon) (Part, bool) {
	p := Part{Role: a.role, Name: a.name, Health: Unknown}
	is := func(o snapshot.Object) bool {
		l := o.GetLabels()
		return slices.Contains(a.names, o.GetName()) || slices.Contains(a.names, l["app.kubernetes.io/name"]) || slices.Contains(a.names, l["k8s-app"])
	}
	for _, k := range []snapshot.Kind{"DaemonSet", "Deployment", "StatefulSet"} {
		if names, health, status := t.workloads(k, "", is); len(names) > 0 {
			p.Health, p.Status, p.Basis = health, status, strings.ToLower(string(k))+" "+strings.Join(names[:min(len(names), 3)], ", ")
			return p, true
		}
	}
	for _, o := range slices.Concat(t.s.OfKind("IngressClass", ""), t.s.OfKind("GatewayClass", "")) {
		controller := controllerOfClass(o)
		if slices.ContainsFunc(a.controllers, func(prefix string) bool { return strings.HasPrefix(controller, prefix) }) {
			p.Status, p.Basis = t.say("cluster-class-only", nil), strings.ToLower(string(snapshot.KindOf(o)))+" "+o.GetName()
			return p, true
		}
	}
	for _, g := range a.groups {
		if slices.Contains(t.answers.Groups, g) {
			p.Status, p.Basis = t.say("cluster-api-only", map[string]any{"looked": t.looked().State == snapshot.Present}), "API "+g
			if health, status, ok := t.aggregated(g); ok {
				p.Health, p.Status = health, status
			}
			if a.role == "gateway" && a.name == "Gateway API" {
				p.Health, p.Status = Healthy, t.say("cluster-api-served", nil)
			}
			return p, true
		}
	}
	return p, false
}

// aggregated is how an API is that another server answers for, by its APIService.
func (t clusterTeller) aggregated(group string) (Health, string, bool) {
	for _, o := range t.s.OfKind("APIService", "") {
		if v, ok := o.(*snapshot.APIService); ok && v.Spec.Group == group && v.Spec.Service != nil {
			told := t.e.apiService(v)
			return told.health, told.status, true
		}
	}
	return Unknown, "", false
}

// controllerOfClass is the program that is responsible for a class.
func controllerOfClass(o snapshot.Object) string {
	if c, ok := o.(*networkingv1.IngressClass); ok {
		return c.Spec.Controller
	}
	if u, ok := o.(*unstructured.Unstructured); ok {
		return textIn(u.Object, "spec", "controllerName")
	}
	return ""
}

// provider is who runs the machines or the cluster, by what nodes and the version say.
func (t clusterTeller) provider() string {
	for _, o := range t.s.OfKind("Node", "") {
		node, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		for _, m := range managedBy() {
			for k := range node.Labels {
				if strings.HasPrefix(k, m.label) {
					return m.name
				}
			}
		}
	}
	for _, m := range []struct{ part, name string }{{"-eks-", "Amazon EKS"}, {"-gke.", "Google GKE"}, {"+k3s", "k3s"}, {"+rke2", "RKE2"}, {"+k0s", "k0s"}} {
		if strings.Contains(t.version, m.part) {
			return m.name
		}
	}
	for _, o := range t.s.OfKind("Node", "") {
		node, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		scheme, _, found := strings.Cut(node.Spec.ProviderID, "://")
		if found && scheme != "" {
			if name, known := machines()[scheme]; known {
				return name
			}
			return scheme
		}
	}
	return ""
}

// managedBy are labels that managed services and distributions put on nodes.
func managedBy() []struct{ label, name string } {
	return []struct{ label, name string }{
		{"eks.amazonaws.com/", "Amazon EKS"}, {"cloud.google.com/gke-", "Google GKE"}, {"kubernetes.azure.com/", "Azure AKS"},
		{"doks.digitalocean.com/", "DigitalOcean Kubernetes"}, {"node.openshift.io/", "OpenShift"}, {"minikube.k8s.io/", "minikube"},
		{"ibm-cloud.kubernetes.io/", "IBM Cloud Kubernetes Service"}, {"lke.linode.com/", "Linode LKE"}, {"k8s.scaleway.com/", "Scaleway Kapsule"},
	}
}

// machines are the schemes of spec.providerID.
func machines() map[string]string {
	return map[string]string{
		"aws": "AWS", "gce": "Google Cloud", "azure": "Azure", "kind": "kind", "k3s": "k3s", "digitalocean": "DigitalOcean",
		"openstack": "OpenStack", "vsphere": "vSphere", "hcloud": "Hetzner Cloud", "linode": "Linode", "scaleway": "Scaleway", "equinixmetal": "Equinix Metal", "ibm": "IBM Cloud",
	}
}
