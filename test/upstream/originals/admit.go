package main

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	quotav1 "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/api/pod"
	api "k8s.io/kubernetes/pkg/apis/core"
	qoshelper "k8s.io/kubernetes/pkg/apis/core/helper/qos"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	resourceconversion "k8s.io/kubernetes/pkg/apis/resource/v1"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
)

// answer puts the case before the code in the order of the API server: defaults,
// the LimitRanger's, validation, the LimitRanger's checks, quotas.
func answer(c *Case) (*Answer, error) {
	out := &Answer{}
	ranges := make([]*corev1.LimitRange, len(c.LimitRanges))
	for i := range c.LimitRanges {
		ranges[i] = c.LimitRanges[i].DeepCopy()
		corev1conversion.SetObjectDefaults_LimitRange(ranges[i])
	}
	evaluators := newEvaluators(c)
	for i := range c.Quotas {
		q := &c.Quotas[i]
		used, err := quotav1.CalculateUsage(q.Namespace, q.Spec.Scopes, q.Spec.Hard, evaluators, q.Spec.ScopeSelector)
		if err != nil {
			return nil, fmt.Errorf("calculate usage: %w", err)
		}
		out.Counted = append(out.Counted, used)
	}
	switch {
	case c.Pod != nil:
		out.Sizes = sizes(c.Pod)
		return out, out.admitPod(c, ranges, evaluators)
	case c.Service != nil:
		var old runtime.Object
		if c.OldService != nil {
			old = c.OldService
		}
		return out, out.judge(c, c.Service, old, schema.GroupVersionKind{Version: "v1", Kind: "Service"}, "services", evaluators)
	case c.Claim != nil:
		var old runtime.Object
		if c.OldClaim != nil {
			old = c.OldClaim
		}
		internal := &api.PersistentVolumeClaim{}
		if err := corev1conversion.Convert_v1_PersistentVolumeClaim_To_core_PersistentVolumeClaim(c.Claim, internal, nil); err != nil {
			return nil, fmt.Errorf("convert a claim: %w", err)
		}
		for _, lr := range ranges {
			if err := limitranger.PersistentVolumeClaimValidateLimitFunc(lr, internal); err != nil {
				out.Refusal = apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumeclaims"}, c.Claim.Name, err).Error()
				return out, nil
			}
		}
		return out, out.judge(c, c.Claim, old, schema.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"}, "persistentvolumeclaims", evaluators)
	case c.Devices != nil:
		sent := c.Devices.DeepCopy()
		resourceconversion.SetObjectDefaults_ResourceClaim(sent)
		return out, out.judge(c, sent, nil, schema.GroupVersionKind{Group: "resource.k8s.io", Version: "v1", Kind: "ResourceClaim"}, "resourceclaims", evaluators)
	}
	return nil, errors.New("a case with nothing in it")
}

func (out *Answer) admitPod(c *Case, ranges []*corev1.LimitRange, evaluators quotav1.Registry) error {
	sent := c.Pod.DeepCopy()
	sent.Status = corev1.PodStatus{}
	corev1conversion.SetObjectDefaults_Pod(sent)
	internal := &api.Pod{}
	if err := corev1conversion.Convert_v1_Pod_To_core_Pod(sent, internal, nil); err != nil {
		return fmt.Errorf("convert a pod: %w", err)
	}
	for _, lr := range ranges {
		if err := limitranger.PodMutateLimitFunc(lr, internal); err != nil {
			return fmt.Errorf("apply a LimitRange: %w", err)
		}
	}
	internal.Status = api.PodStatus{Phase: api.PodPending, QOSClass: qoshelper.ComputePodQOS(internal)}
	internal.UID, internal.Generation = "u", 1
	options := pod.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	if errs := validation.ValidatePodCreate(internal, options); len(errs) > 0 {
		out.Refusal = apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, internal.Name, errs).Error()
		return nil
	}
	for _, lr := range ranges {
		if err := limitranger.PodValidateLimitFunc(lr, internal); err != nil {
			out.Refusal = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, internal.Name, err).Error()
			return nil
		}
	}
	stored := &corev1.Pod{}
	if err := corev1conversion.Convert_core_Pod_To_v1_Pod(internal, stored, nil); err != nil {
		return fmt.Errorf("convert a pod: %w", err)
	}
	out.Pod = stored.DeepCopy()
	corev1conversion.SetObjectDefaults_Pod(out.Pod)
	return out.judge(c, internal, nil, schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, "pods", evaluators)
}

// judge asks the quotas, each by itself: of several that refuse the API server
// names the first it comes to, and they are in no order.
func (out *Answer) judge(c *Case, o, old runtime.Object, kind schema.GroupVersionKind, resource string, evaluators quotav1.Registry) error {
	gvr := schema.GroupVersionResource{Group: kind.Group, Version: "v1", Resource: resource}
	evaluator := evaluators.Get(gvr.GroupResource())
	var err error
	if out.Usage, err = evaluator.Usage(o); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	for i := range c.Quotas {
		match, err := evaluator.Matches(&c.Quotas[i], o)
		if err != nil {
			return fmt.Errorf("match: %w", err)
		}
		out.Matches = append(out.Matches, match)
	}
	operation := admission.Create
	if old != nil {
		operation = admission.Update
	}
	a := admission.NewAttributesRecord(o, old, kind, "shop", "o", gvr, "", operation, nil, false, nil)
	if _, err := resourcequota.CheckRequest(c.Quotas, a, evaluator, nil); err != nil {
		out.Refusal = err.Error()
	}
	return nil
}
