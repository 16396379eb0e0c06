package quota

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Usage is what an object counts for in quotas at that time, under every name
// that a quota may have for it (pkg/quota/v1/evaluator/core). What a claim for
// devices counts for as an extended resource that its class names is not known here.
func Usage(o snapshot.Object, at time.Time) corev1.ResourceList {
	switch o := o.(type) {
	case *corev1.Pod:
		return podUsage(o, at)
	case *corev1.Service:
		return serviceUsage(o)
	case *corev1.PersistentVolumeClaim:
		return claimUsage(o)
	case *resourcev1.ResourceClaim:
		return newDeviceClasses(nil, false).usage(o, nil)
	}
	out := corev1.ResourceList{}
	for _, name := range countNames(resourceOf(o)) {
		out[name] = count(1)
	}
	return out
}

// resourceOf is the API's name for the object's kind.
func resourceOf(o snapshot.Object) schema.GroupResource {
	info, _ := snapshot.Lookup(snapshot.KindOf(o))
	return info.Resource.GroupResource()
}

// countNames are the names under which quotas count objects of a resource:
// "count/deployments.apps", and for a few an older one as well (registry.go).
func countNames(r schema.GroupResource) []corev1.ResourceName {
	all := []corev1.ResourceName{corev1.ResourceName("count/" + r.String())}
	if r.Group == "" {
		switch old := corev1.ResourceName(r.Resource); old {
		case corev1.ResourceConfigMaps, corev1.ResourceQuotas, corev1.ResourceReplicationControllers, corev1.ResourceSecrets:
			all = append(all, old)
		default:
		}
	}
	return all
}

// podUsage: a pod that is at its end, or that is deleted and past its grace
// period, counts as an object only (PodUsageFunc, QuotaV1Pod).
func podUsage(pod *corev1.Pod, at time.Time) corev1.ResourceList {
	out := corev1.ResourceList{"count/pods": count(1)}
	if !charged(pod, at) {
		return out
	}
	addTo(out, computeUsage(Requests(pod, Charged), Limits(pod, Charged)))
	return out
}

func charged(pod *corev1.Pod, at time.Time) bool {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return false
	}
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return true
	}
	return !at.After(pod.DeletionTimestamp.Add(time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second))
}

// computeUsage writes requests and limits under the names that quotas have for
// them (podComputeUsageHelper).
func computeUsage(requests, limits corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{corev1.ResourcePods: count(1)}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		if q, ok := requests[name]; ok {
			out[name], out["requests."+name] = q, q
		}
		if q, ok := limits[name]; ok {
			out["limits."+name] = q
		}
	}
	for name, q := range requests {
		if isHugePages(name) {
			out[name], out["requests."+name] = q, q
		}
		if isChargedAsRequest(name) {
			out["requests."+name] = q
		}
	}
	return out
}

// serviceUsage: node ports are counted by intent, before they are allocated
// (services.go).
func serviceUsage(svc *corev1.Service) corev1.ResourceList {
	out := corev1.ResourceList{
		"count/services": count(1), corev1.ResourceServices: count(1),
		corev1.ResourceServicesLoadBalancers: count(0), corev1.ResourceServicesNodePorts: count(0),
	}
	ports := int64(len(svc.Spec.Ports))
	switch svc.Spec.Type {
	case corev1.ServiceTypeNodePort:
		out[corev1.ResourceServicesNodePorts] = count(ports)
	case corev1.ServiceTypeLoadBalancer:
		if allocate := svc.Spec.AllocateLoadBalancerNodePorts; allocate != nil && !*allocate {
			ports = 0
			for _, p := range svc.Spec.Ports {
				if p.NodePort != 0 {
					ports++
				}
			}
		}
		out[corev1.ResourceServicesNodePorts] = count(ports)
		out[corev1.ResourceServicesLoadBalancers] = count(1)
	default:
	}
	return out
}

const storageClassSuffix = ".storageclass.storage.k8s.io/"

// claimUsage: the request, or what is already allocated if that is more, in
// whole bytes, once in all and once for the class (persistent_volume_claims.go).
func claimUsage(claim *corev1.PersistentVolumeClaim) corev1.ResourceList {
	out := corev1.ResourceList{"count/persistentvolumeclaims": count(1), corev1.ResourcePersistentVolumeClaims: count(1)}
	if q, ok := storageOf(claim); ok {
		out[corev1.ResourceRequestsStorage] = q
	}
	if class := classOf(claim); class != "" {
		for _, name := range []corev1.ResourceName{corev1.ResourcePersistentVolumeClaims, corev1.ResourceRequestsStorage} {
			if q, ok := out[name]; ok {
				out[corev1.ResourceName(class+storageClassSuffix)+name] = q
			}
		}
	}
	return out
}

func storageOf(claim *corev1.PersistentVolumeClaim) (resource.Quantity, bool) {
	q, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return q, false
	}
	q = wholeBytes(q)
	if got, ok := claim.Status.AllocatedResources[corev1.ResourceStorage]; ok && got.Cmp(q) > 0 {
		q = wholeBytes(got)
	}
	return q, true
}

func wholeBytes(q resource.Quantity) resource.Quantity {
	rounded := q.DeepCopy()
	if rounded.RoundUp(0) {
		return q
	}
	return rounded
}

// classOf: the annotation of old goes before the field (component-helpers/storage/volume).
func classOf(claim *corev1.PersistentVolumeClaim) string {
	if class, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return class
	}
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return ""
}

// meter is the kind of bookkeeping that a resource has in quotas.
type meter string

const (
	podMeter     meter = "pods"
	serviceMeter meter = "services"
	claimMeter   meter = "persistentvolumeclaims"
	deviceMeter  meter = "resourceclaims"
	countMeter   meter = "count"
)

func meterOf(o snapshot.Object) meter {
	switch o.(type) {
	case *corev1.Pod:
		return podMeter
	case *corev1.Service:
		return serviceMeter
	case *corev1.PersistentVolumeClaim:
		return claimMeter
	case *resourcev1.ResourceClaim:
		return deviceMeter
	}
	return countMeter
}

// tracked is the part of a quota's names that an object counts for, in order
// (MatchingResources of each evaluator). For claims for devices it hangs on classes.
func tracked(o snapshot.Object, hard []corev1.ResourceName, classes *deviceClasses) []corev1.ResourceName {
	var out []corev1.ResourceName
	for _, name := range hard {
		var counts bool
		switch meterOf(o) {
		case podMeter:
			counts = tracksPods(name)
		case serviceMeter:
			counts = name == "count/services" || name == corev1.ResourceServices ||
				name == corev1.ResourceServicesNodePorts || name == corev1.ResourceServicesLoadBalancers
		case claimMeter:
			counts = tracksClaims(name)
		case deviceMeter:
			counts = classes.counts(name)
		case countMeter:
			counts = slices.Contains(countNames(resourceOf(o)), name)
		}
		if counts {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func tracksPods(name corev1.ResourceName) bool {
	switch name {
	case "count/pods", corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage:
		return true
	default:
	}
	return isHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix) || isQuotaForExtended(name)
}

func tracksClaims(name corev1.ResourceName) bool {
	switch name {
	case "count/persistentvolumeclaims", corev1.ResourcePersistentVolumeClaims, corev1.ResourceRequestsStorage:
		return true
	default:
	}
	return strings.HasSuffix(string(name), storageClassSuffix+string(corev1.ResourcePersistentVolumeClaims)) ||
		strings.HasSuffix(string(name), storageClassSuffix+string(corev1.ResourceRequestsStorage))
}
