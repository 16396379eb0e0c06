package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quotav1 "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/tools/cache"
	resourcehelper "k8s.io/component-helpers/resource"
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
	for _, e := range []quotav1.Evaluator{core.NewPodEvaluator(listers, clock.RealClock{}), core.NewServiceEvaluator(listers), core.NewPersistentVolumeClaimEvaluator(listers), core.NewResourceClaimEvaluator(listers, nil, nil, nil)} {
		registry.Add(e)
	}
	return registry
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
