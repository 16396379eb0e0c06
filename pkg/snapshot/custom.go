package snapshot

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
)

// customKinds are kinds of add-ons of which the tool knows what their fields
// mean. Only those are kept: the rest of such an object may hold anything, and
// the values of a Helm release or the headers of a route are often secrets.
func customKinds() []Info {
	const gateway, istio = "gateway.networking.k8s.io", "networking.istio.io"
	route := []string{
		"spec.parentRefs", "spec.hostnames", "spec.rules.name", "spec.rules.matches", "spec.rules.timeouts",
		"spec.rules.filters.type", "spec.rules.filters.requestMirror", "spec.rules.filters.requestRedirect", "spec.rules.filters.extensionRef",
		"spec.rules.backendRefs.group", "spec.rules.backendRefs.kind", "spec.rules.backendRefs.name", "spec.rules.backendRefs.namespace",
		"spec.rules.backendRefs.port", "spec.rules.backendRefs.weight", "status",
	}
	hop := func(protocol string) []string {
		at := "spec." + protocol + "."
		return []string{at + "name", at + "match", at + "delegate", at + "mirror", at + "mirrors", at + "timeout", at + "retries", at + "redirect", at + "route.destination", at + "route.weight"}
	}
	return []Info{
		custom("GatewayClass", gateway, "v1", "gatewayclasses", []string{"gc"}, false, "spec", "status"),
		custom("Gateway", gateway, "v1", "gateways", []string{"gtw"}, true, "spec.gatewayClassName", "spec.listeners", "spec.addresses", "status"),
		custom("HTTPRoute", gateway, "v1", "httproutes", nil, true, route...),
		custom("GRPCRoute", gateway, "v1", "grpcroutes", nil, true, route...),
		custom("ReferenceGrant", gateway, "v1beta1", "referencegrants", []string{"refgrant"}, true, "spec"),
		custom("VirtualService", istio, "v1", "virtualservices", []string{"vs"}, true,
			append(append(append([]string{"spec.hosts", "spec.gateways", "spec.exportTo", "status"}, hop("http")...), hop("tcp")...), hop("tls")...)...),
		custom("DestinationRule", istio, "v1", "destinationrules", []string{"dr"}, true,
			"spec.host", "spec.exportTo", "spec.subsets.name", "spec.subsets.labels", "spec.trafficPolicy", "status"),
		custom("TrafficSplit", "split.smi-spec.io", "v1alpha2", "trafficsplits", []string{"ts"}, true, "spec"),
		custom("TraefikService", "traefik.io", "v1alpha1", "traefikservices", nil, true, "spec"),
		custom("VerticalPodAutoscaler", "autoscaling.k8s.io", "v1", "verticalpodautoscalers", []string{"vpa"}, true, "spec", "status"),
		custom("Application", "argoproj.io", "v1alpha1", "applications", []string{"app", "apps"}, true,
			"spec.project", "spec.destination", "spec.syncPolicy", "spec.source.repoURL", "spec.source.path", "spec.source.targetRevision", "spec.source.chart",
			"spec.sources.repoURL", "spec.sources.path", "spec.sources.targetRevision", "spec.sources.chart",
			"status.sync.status", "status.sync.revision", "status.health", "status.conditions", "status.reconciledAt", "status.resources",
			"status.operationState.phase", "status.operationState.message", "status.operationState.startedAt", "status.operationState.finishedAt"),
		custom("Kustomization", "kustomize.toolkit.fluxcd.io", "v1", "kustomizations", []string{"ks"}, true,
			"spec.sourceRef", "spec.path", "spec.interval", "spec.suspend", "spec.prune", "spec.force", "spec.wait", "spec.targetNamespace", "spec.dependsOn", "status"),
		custom("HelmRelease", "helm.toolkit.fluxcd.io", "v2", "helmreleases", []string{"hr"}, true,
			"spec.chart", "spec.chartRef", "spec.interval", "spec.suspend", "spec.releaseName", "spec.targetNamespace", "spec.storageNamespace",
			"spec.driftDetection", "spec.dependsOn", "status"),
	}
}

func custom(kind Kind, group, version, resource string, short []string, namespaced bool, keep ...string) Info {
	i := Found(schema.GroupVersionResource{Group: group, Version: version, Resource: resource}, string(kind), short, namespaced)
	i.Kind, i.Keep = kind, keep
	return i
}

// generic is what is kept of a kind that the tool knows nothing of: whose it
// is, and the fields by which kinds of all sorts say how they are.
func generic() []string {
	return []string{
		"spec.replicas", "spec.paused", "spec.suspend", "status.observedGeneration", "status.replicas", "status.readyReplicas", "status.phase", "status.state", "status.message",
		"status.conditions.type", "status.conditions.status", "status.conditions.reason", "status.conditions.message",
		"status.conditions.lastTransitionTime", "status.conditions.observedGeneration",
	}
}

// Found describes a kind that discovery told of.
func Found(resource schema.GroupVersionResource, kind string, short []string, namespaced bool) Info {
	apiVersion := resource.GroupVersion().String()
	return Info{
		Kind: qualified(resource.Group, kind), Resource: resource, Singular: strings.ToLower(kind), Short: short, Namespaced: namespaced,
		JSON: true, Custom: true, Keep: generic(),
		New: func() Object {
			return &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
		},
	}
}

// qualified is the kind's name with its group.
func qualified(group, kind string) Kind {
	if group == "" {
		return Kind(kind)
	}
	return Kind(kind + "." + group)
}

// NewCustom keeps of a custom object, as JSON, what may be kept.
func NewCustom(i Info, data []byte) (*unstructured.Unstructured, error) {
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	meta, ok := all["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("metadata is missing")
	}
	kept := map[string]any{}
	if k, ok := keep(all, treeOf(i.Keep)).(map[string]any); ok {
		kept = k
	}
	kind, _ := i.Kind.Split()
	kept["apiVersion"], kept["kind"], kept["metadata"] = all["apiVersion"], kind, meta
	if v, ok := kept["apiVersion"].(string); !ok || !strings.HasPrefix(v, i.Resource.Group+"/") {
		kept["apiVersion"] = i.Resource.GroupVersion().String() // items of lists may leave it out
	}
	return &unstructured.Unstructured{Object: kept}, nil
}

// tree holds paths by their parts; an empty one is the end of a path.
type tree map[string]tree

func treeOf(paths []string) tree {
	root := tree{}
	for _, p := range paths {
		at := root
		for _, part := range strings.Split(p, ".") {
			if at[part] == nil {
				at[part] = tree{}
			}
			at = at[part]
		}
	}
	return root
}

// keep copies what the paths name; a list is gone through item by item.
func keep(v any, t tree) any {
	if len(t) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, below := range t {
			if child, ok := v[name]; ok {
				if kept := keep(child, below); kept != nil {
					out[name] = kept
				}
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if kept := keep(item, t); kept != nil {
				out = append(out, kept)
			}
		}
		return out
	}
	return nil // a path that goes on below a value that has nothing below it
}

// FindCustom is Get for an object of a Custom kind.
func FindCustom(s *Snapshot, kind Kind, namespace, name string) (*unstructured.Unstructured, Answer) {
	o, a := s.Find(kind, namespace, name)
	u, _ := o.(*unstructured.Unstructured)
	return u, a
}

// ListCustom is List for a Custom kind.
func ListCustom(s *Snapshot, kind Kind, namespace string, selector labels.Selector) ([]*unstructured.Unstructured, Answer) {
	var out []*unstructured.Unstructured
	for _, o := range s.OfKind(kind, namespace) {
		if u, ok := o.(*unstructured.Unstructured); ok && (selector == nil || selector.Matches(labels.Set(u.GetLabels()))) {
			out = append(out, u)
		}
	}
	text := ""
	if selector != nil {
		text = selector.String()
	}
	return out, s.Covered(kind, namespace, text)
}

// inURL finds the user and password that a URL may hold.
var inURL = regexp.MustCompile(`://[^/@\s]+@`)

// safeValue makes every string of a decoded JSON value safe, and takes
// passwords out of URLs.
func safeValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			value, name := safeValue(child), Safe(k)
			if name != k {
				delete(v, k)
			}
			v[name] = value
		}
	case []any:
		for i := range v {
			v[i] = safeValue(v[i])
		}
	case string:
		return inURL.ReplaceAllString(Safe(v), "://")
	}
	return v
}
