package snapshot

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Object is a Kubernetes object: of a Go type for built-in kinds, else
// *unstructured.Unstructured.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind names a kind of object that the tool reads. Kinds of the table go by
// their bare name; any other carries its group: "Certificate.cert-manager.io".
type Kind string

// Info is what a reader needs to know about a kind. The table is static, so
// that a built-in kind costs no discovery requests.
type Info struct {
	Kind       Kind
	Resource   schema.GroupVersionResource
	Singular   string
	Short      []string
	Namespaced bool
	// New returns an empty object; NewList an empty list, nil for a Custom kind.
	New     func() Object
	NewList func() runtime.Object
	// JSON: the API server has no protobuf for it, or its type here is our own.
	JSON bool
	// Metadata: only the metadata is read; the rest does not leave the server.
	Metadata bool
	// Custom: an add-on brings it. Whether it is served, and in which version, is
	// found by discovery; objects are *unstructured.Unstructured.
	Custom bool
	// Keep are the fields of a Custom kind that are kept, as paths; see project.
	Keep []string
}

func info(kind Kind, group, version, resource string, short []string, namespaced bool, obj func() Object, list func() runtime.Object) Info {
	return Info{
		Kind:       kind,
		Resource:   schema.GroupVersionResource{Group: group, Version: version, Resource: resource},
		Singular:   strings.ToLower(string(kind)),
		Short:      short,
		Namespaced: namespaced,
		New:        obj,
		NewList:    list,
	}
}

// Kinds lists every kind of the table, in a stable order.
func Kinds() []Info { return table() }

var table = sync.OnceValue(func() []Info {
	all := slices.Concat(workloadKinds(), platformKinds(), customKinds())
	return all[:len(all):len(all)]
})

var byKind = sync.OnceValue(func() map[Kind]Info {
	all := map[Kind]Info{}
	for _, i := range slices.Concat(Kinds(), asideKinds()) {
		all[i.Kind] = i
	}
	return all
})

// asideKinds are no part of the table: nobody asks for them by name, and a reader
// makes them of something else than an object of the API.
func asideKinds() []Info {
	return []Info{
		info(NodeProbesKind, "", "v1", "nodes/proxy", nil, false, func() Object { return &NodeProbes{} }, nil),
		info(ServerVersionKind, "", "v1", "version", nil, false, func() Object { return &ServerVersion{} }, nil),
	}
}

func workloadKinds() []Info {
	return []Info{
		info("Pod", "", "v1", "pods", []string{"po"}, true, func() Object { return &corev1.Pod{} }, func() runtime.Object { return &corev1.PodList{} }),
		info("Service", "", "v1", "services", []string{"svc"}, true, func() Object { return &corev1.Service{} }, func() runtime.Object { return &corev1.ServiceList{} }),
		info("ConfigMap", "", "v1", "configmaps", []string{"cm"}, true, func() Object { return &corev1.ConfigMap{} }, func() runtime.Object { return &corev1.ConfigMapList{} }),
		info("Secret", "", "v1", "secrets", nil, true, func() Object { return &Secret{} }, func() runtime.Object { return &corev1.SecretList{} }),
		info("ServiceAccount", "", "v1", "serviceaccounts", []string{"sa"}, true, func() Object { return &corev1.ServiceAccount{} }, func() runtime.Object { return &corev1.ServiceAccountList{} }),
		info("Event", "", "v1", "events", []string{"ev"}, true, func() Object { return &corev1.Event{} }, func() runtime.Object { return &corev1.EventList{} }),
		info("ResourceQuota", "", "v1", "resourcequotas", []string{"quota"}, true, func() Object { return &corev1.ResourceQuota{} }, func() runtime.Object { return &corev1.ResourceQuotaList{} }),
		info("LimitRange", "", "v1", "limitranges", []string{"limits"}, true, func() Object { return &corev1.LimitRange{} }, func() runtime.Object { return &corev1.LimitRangeList{} }),
		info("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", []string{"pvc"}, true, func() Object { return &corev1.PersistentVolumeClaim{} }, func() runtime.Object { return &corev1.PersistentVolumeClaimList{} }),
		info("PersistentVolume", "", "v1", "persistentvolumes", []string{"pv"}, false, func() Object { return &corev1.PersistentVolume{} }, func() runtime.Object { return &corev1.PersistentVolumeList{} }),
		info("Node", "", "v1", "nodes", []string{"no"}, false, func() Object { return &corev1.Node{} }, func() runtime.Object { return &corev1.NodeList{} }),
		info("Namespace", "", "v1", "namespaces", []string{"ns"}, false, func() Object { return &corev1.Namespace{} }, func() runtime.Object { return &corev1.NamespaceList{} }),
		info("Deployment", "apps", "v1", "deployments", []string{"deploy"}, true, func() Object { return &appsv1.Deployment{} }, func() runtime.Object { return &appsv1.DeploymentList{} }),
		info("ReplicaSet", "apps", "v1", "replicasets", []string{"rs"}, true, func() Object { return &appsv1.ReplicaSet{} }, func() runtime.Object { return &appsv1.ReplicaSetList{} }),
		info("StatefulSet", "apps", "v1", "statefulsets", []string{"sts"}, true, func() Object { return &appsv1.StatefulSet{} }, func() runtime.Object { return &appsv1.StatefulSetList{} }),
		info("DaemonSet", "apps", "v1", "daemonsets", []string{"ds"}, true, func() Object { return &appsv1.DaemonSet{} }, func() runtime.Object { return &appsv1.DaemonSetList{} }),
		info("Job", "batch", "v1", "jobs", nil, true, func() Object { return &batchv1.Job{} }, func() runtime.Object { return &batchv1.JobList{} }),
		info("CronJob", "batch", "v1", "cronjobs", []string{"cj"}, true, func() Object { return &batchv1.CronJob{} }, func() runtime.Object { return &batchv1.CronJobList{} }),
		info("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", nil, true, func() Object { return &discoveryv1.EndpointSlice{} }, func() runtime.Object { return &discoveryv1.EndpointSliceList{} }),
		info("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", []string{"hpa"}, true, func() Object { return &autoscalingv2.HorizontalPodAutoscaler{} }, func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscalerList{} }),
		info("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", []string{"pdb"}, true, func() Object { return &policyv1.PodDisruptionBudget{} }, func() runtime.Object { return &policyv1.PodDisruptionBudgetList{} }),
		info("PodMetrics", "metrics.k8s.io", "v1beta1", "pods", nil, true, func() Object { return &metricsv1beta1.PodMetrics{} }, func() runtime.Object { return &metricsv1beta1.PodMetricsList{} }),
		info("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses", []string{"pc"}, false, func() Object { return &schedulingv1.PriorityClass{} }, func() runtime.Object { return &schedulingv1.PriorityClassList{} }),
		info("RuntimeClass", "node.k8s.io", "v1", "runtimeclasses", nil, false, func() Object { return &nodev1.RuntimeClass{} }, func() runtime.Object { return &nodev1.RuntimeClassList{} }),
		info("StorageClass", "storage.k8s.io", "v1", "storageclasses", []string{"sc"}, false, func() Object { return &storagev1.StorageClass{} }, func() runtime.Object { return &storagev1.StorageClassList{} }),
	}
}

// platformKinds are what traffic, storage, access and the control plane are made of.
func platformKinds() []Info {
	all := []Info{
		info("Ingress", "networking.k8s.io", "v1", "ingresses", []string{"ing"}, true, func() Object { return &networkingv1.Ingress{} }, func() runtime.Object { return &networkingv1.IngressList{} }),
		info("IngressClass", "networking.k8s.io", "v1", "ingressclasses", nil, false, func() Object { return &networkingv1.IngressClass{} }, func() runtime.Object { return &networkingv1.IngressClassList{} }),
		info("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies", []string{"netpol"}, true, func() Object { return &networkingv1.NetworkPolicy{} }, func() runtime.Object { return &networkingv1.NetworkPolicyList{} }),
		info("CSIDriver", "storage.k8s.io", "v1", "csidrivers", nil, false, func() Object { return &storagev1.CSIDriver{} }, func() runtime.Object { return &storagev1.CSIDriverList{} }),
		info("CSINode", "storage.k8s.io", "v1", "csinodes", nil, false, func() Object { return &storagev1.CSINode{} }, func() runtime.Object { return &storagev1.CSINodeList{} }),
		info("VolumeAttachment", "storage.k8s.io", "v1", "volumeattachments", nil, false, func() Object { return &storagev1.VolumeAttachment{} }, func() runtime.Object { return &storagev1.VolumeAttachmentList{} }),
		info("ResourceClaim", "resource.k8s.io", "v1", "resourceclaims", nil, true, func() Object { return &resourcev1.ResourceClaim{} }, func() runtime.Object { return &resourcev1.ResourceClaimList{} }),
		info("ResourceClaimTemplate", "resource.k8s.io", "v1", "resourceclaimtemplates", nil, true, func() Object { return &resourcev1.ResourceClaimTemplate{} }, func() runtime.Object { return &resourcev1.ResourceClaimTemplateList{} }),
		info("DeviceClass", "resource.k8s.io", "v1", "deviceclasses", nil, false, func() Object { return &resourcev1.DeviceClass{} }, func() runtime.Object { return &resourcev1.DeviceClassList{} }),
		info("Lease", "coordination.k8s.io", "v1", "leases", nil, true, func() Object { return &coordinationv1.Lease{} }, func() runtime.Object { return &coordinationv1.LeaseList{} }),
		info("Role", "rbac.authorization.k8s.io", "v1", "roles", nil, true, func() Object { return &rbacv1.Role{} }, func() runtime.Object { return &rbacv1.RoleList{} }),
		info("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", nil, true, func() Object { return &rbacv1.RoleBinding{} }, func() runtime.Object { return &rbacv1.RoleBindingList{} }),
		info("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles", nil, false, func() Object { return &rbacv1.ClusterRole{} }, func() runtime.Object { return &rbacv1.ClusterRoleList{} }),
		info("ClusterRoleBinding", "rbac.authorization.k8s.io", "v1", "clusterrolebindings", nil, false, func() Object { return &rbacv1.ClusterRoleBinding{} }, func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} }),
		info("ControllerRevision", "apps", "v1", "controllerrevisions", nil, true, func() Object { return &appsv1.ControllerRevision{} }, func() runtime.Object { return &appsv1.ControllerRevisionList{} }),
		info("ValidatingWebhookConfiguration", "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", nil, false, func() Object { return &admissionv1.ValidatingWebhookConfiguration{} }, func() runtime.Object { return &admissionv1.ValidatingWebhookConfigurationList{} }),
		info("MutatingWebhookConfiguration", "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", nil, false, func() Object { return &admissionv1.MutatingWebhookConfiguration{} }, func() runtime.Object { return &admissionv1.MutatingWebhookConfigurationList{} }),
		info("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", []string{"crd", "crds"}, false, func() Object { return &CustomResourceDefinition{} }, func() runtime.Object { return &CustomResourceDefinitionList{} }),
		info("APIService", "apiregistration.k8s.io", "v1", "apiservices", nil, false, func() Object { return &APIService{} }, func() runtime.Object { return &APIServiceList{} }),
		info("HelmStorage", "", "v1", "secrets", nil, true, func() Object { return &HelmStorage{} }, func() runtime.Object { return &HelmStorageList{} }),
	}
	for i := range all {
		switch all[i].Kind {
		case "CustomResourceDefinition", "APIService":
			all[i].JSON = true
		case "HelmStorage":
			all[i].JSON, all[i].Metadata = true, true
		}
	}
	return all
}

// Lookup finds a kind of the table by its exact name.
func Lookup(k Kind) (Info, bool) {
	i, ok := byKind()[k]
	return i, ok
}

// Resolve finds a kind by what people type: kind, singular, plural or short
// name, in any case, with the group behind it if they like ("deployments.apps").
func Resolve(typed string) (Info, bool) {
	name, group, grouped := strings.Cut(strings.ToLower(typed), ".")
	for _, i := range Kinds() {
		if i.Metadata { // a second view of a kind that has its own name
			continue
		}
		if grouped && group != i.Resource.Group && group != i.Resource.Version+"."+i.Resource.Group {
			continue
		}
		if name == i.Singular || name == i.Resource.Resource {
			return i, true
		}
		for _, s := range i.Short {
			if name == s {
				return i, true
			}
		}
	}
	return Info{}, false
}

// KindOf is the kind of an object: as its Go type is named, or for an
// unstructured one as it says itself.
func KindOf(o Object) Kind {
	if u, ok := o.(*unstructured.Unstructured); ok {
		gvk := u.GroupVersionKind()
		return KindNamed(gvk.Group, gvk.Kind)
	}
	return Kind(reflect.TypeOf(o).Elem().Name())
}

// KindNamed is the kind that an API group has under this name: the bare name
// for one of the table, else with its group.
func KindNamed(group, kind string) Kind {
	if i, ok := Lookup(Kind(kind)); ok && i.Resource.Group == group {
		return i.Kind
	}
	return qualified(group, kind)
}

// Split takes a kind apart into the name that its objects carry and its group.
func (k Kind) Split() (kind, group string) {
	if i, ok := Lookup(k); ok {
		return string(k), i.Resource.Group
	}
	kind, group, _ = strings.Cut(string(k), ".")
	return kind, group
}

func kindFor[T Object]() Kind {
	var zero T
	return KindOf(zero)
}
