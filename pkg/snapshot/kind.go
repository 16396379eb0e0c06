package snapshot

import (
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is any typed Kubernetes object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind names a kind of object that the tool reads.
type Kind string

// Info is what a reader needs to know about a kind. The table is static, so
// that a built-in kind costs no discovery requests.
type Info struct {
	Kind       Kind
	Resource   schema.GroupVersionResource
	Singular   string
	Short      []string
	Namespaced bool
	// New returns an empty object, NewList an empty list.
	New     func() Object
	NewList func() runtime.Object
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

// Kinds lists every kind that can be read, in a stable order.
func Kinds() []Info {
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
		info("PodMetrics", "metrics.k8s.io", "v1beta1", "pods", nil, true, func() Object { return &PodMetrics{} }, func() runtime.Object { return &PodMetricsList{} }),
		info("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses", []string{"pc"}, false, func() Object { return &schedulingv1.PriorityClass{} }, func() runtime.Object { return &schedulingv1.PriorityClassList{} }),
		info("RuntimeClass", "node.k8s.io", "v1", "runtimeclasses", nil, false, func() Object { return &nodev1.RuntimeClass{} }, func() runtime.Object { return &nodev1.RuntimeClassList{} }),
		info("StorageClass", "storage.k8s.io", "v1", "storageclasses", []string{"sc"}, false, func() Object { return &storagev1.StorageClass{} }, func() runtime.Object { return &storagev1.StorageClassList{} }),
	}
}

// Lookup finds a kind by its exact name.
func Lookup(k Kind) (Info, bool) {
	for _, i := range Kinds() {
		if i.Kind == k {
			return i, true
		}
	}
	return Info{}, false
}

// Resolve finds a kind by what people type: kind, singular, plural or short
// name, in any case, with the group behind it if they like ("deployments.apps").
func Resolve(typed string) (Info, bool) {
	name, group, grouped := strings.Cut(strings.ToLower(typed), ".")
	for _, i := range Kinds() {
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

// KindOf is the kind of a typed object, as its Go type is named.
func KindOf(o Object) Kind { return Kind(reflect.TypeOf(o).Elem().Name()) }

func kindFor[T Object]() Kind {
	var zero T
	return KindOf(zero)
}
