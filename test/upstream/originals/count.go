package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	quotav1 "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache"
	"k8s.io/klog/v2"
	"k8s.io/kubectl/pkg/util/qos"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"
)

// newEvaluators are those for pods, Services, claims for volumes and claims for devices, over the objects of the case.
func newEvaluators(c *Case) quotav1.Registry {
	listers := func(gvr schema.GroupVersionResource) (cache.GenericLister, error) {
		indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		add := func(o runtime.Object) error { return indexer.Add(o) }
		var err error
		switch gvr.Resource {
		case "pods":
			for i := range c.Pods {
				err = add(&c.Pods[i])
			}
		case "services":
			for i := range c.Services {
				err = add(&c.Services[i])
			}
		case "persistentvolumeclaims":
			for i := range c.Claims {
				err = add(&c.Claims[i])
			}
		case "resourceclaims":
			for i := range c.Claimed {
				err = add(&c.Claimed[i])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", gvr.Resource, err)
		}
		return cache.NewGenericLister(indexer, gvr.GroupResource()), nil
	}
	registry := generic.NewRegistry(nil)
	for _, e := range []quotav1.Evaluator{core.NewPodEvaluator(listers, clock.RealClock{}), core.NewServiceEvaluator(listers), core.NewPersistentVolumeClaimEvaluator(listers), newDeviceEvaluator(c, listers)} {
		registry.Add(e)
	}
	return registry
}

// newDeviceEvaluator knows the classes, the pods and what claims were made for each of them.
func newDeviceEvaluator(c *Case, listers quotav1.ListerForResourceFunc) quotav1.Evaluator {
	classes := extendedresourcecache.NewExtendedResourceCache(klog.Background())
	for i := range c.Classes {
		classes.OnAdd(&c.Classes[i], true)
	}
	pods := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for i := range c.Pods {
		_ = pods.Add(&c.Pods[i]) // fails for what has no key; pods have
	}
	made := func(namespace string, pod types.UID) ([]*resourcev1.ResourceClaim, error) {
		var out []*resourcev1.ResourceClaim
		for i := range c.Claimed {
			claim := &c.Claimed[i]
			owner := metav1.GetControllerOfNoCopy(claim)
			if claim.Namespace == namespace && claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] == "true" && owner != nil && owner.Kind == "Pod" && owner.UID == pod {
				out = append(out, claim)
			}
		}
		return out, nil
	}
	return core.NewResourceClaimEvaluator(listers, classes, corev1listers.NewPodLister(pods), made)
}

// sizes asks everybody who counts a pod, with the options that each of them passes in v1.36.
func sizes(pod *corev1.Pod) *Sizes {
	spec := resourcehelper.PodResourcesOptions{}
	placed := resourcehelper.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true}
	charged := resourcehelper.PodResourcesOptions{UseStatusResources: true}
	out := &Sizes{
		Incoming: resourcehelper.PodRequests(pod, spec), IncomingLimits: resourcehelper.PodLimits(pod, spec),
		Placed: resourcehelper.PodRequests(pod, placed), PlacedLimits: resourcehelper.PodLimits(pod, placed),
		Charged: resourcehelper.PodRequests(pod, charged), ChargedLimits: resourcehelper.PodLimits(pod, charged),
		QOS: qos.GetPodQOS(pod),
	}
	if info, err := framework.NewPodInfo(pod); err == nil {
		r := info.CalculateResource()
		out.SchedulerMilliCPU, out.SchedulerMemory = r.Resource.GetMilliCPU(), r.Resource.GetMemory()
	}
	return out
}
