package cluster

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// workload is what the three kinds have in common, and what tells their versions apart.
type workload struct {
	kind, namespace      string
	uid                  types.UID
	selector             string
	template             *corev1.PodTemplateSpec
	generation, observed int64
	replicas, start      int
	paused, deleting     bool
	minReady             int32
	// revision is the number of the template in force (Deployment), or the name of its ControllerRevision (StatefulSet).
	revision string
	// current is the name of the ControllerRevision before an update (StatefulSet).
	current string
	// partition is how many Pods, from the first ordinal on, keep the version before; rolling is false where the kind replaces Pods only when they are deleted.
	partition int
	rolling   bool
}

func parseWorkload(kind string, o *object) (*workload, error) {
	switch kind {
	case "Deployment":
		return parseDeployment(o)
	case "StatefulSet":
		return parseStatefulSet(o)
	case "DaemonSet":
		return parseDaemonSet(o)
	}
	return nil, fmt.Errorf("a %s has no versions", kind)
}

// from takes over what every kind has.
func from(kind string, m metav1.ObjectMeta, selector *metav1.LabelSelector, template *corev1.PodTemplateSpec) (*workload, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("its selector cannot be read: %w", err)
	}
	return &workload{kind: kind, namespace: m.Namespace, uid: m.UID, selector: s.String(), template: template,
		generation: m.Generation, deleting: m.DeletionTimestamp != nil}, nil
}

// revisionAnnotation is on a Deployment and on its ReplicaSets (pkg/controller/deployment/util).
const revisionAnnotation = "deployment.kubernetes.io/revision"

func parseDeployment(o *object) (*workload, error) {
	var d appsv1.Deployment
	if err := json.Unmarshal(o.raw, &d); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	w, err := from("Deployment", d.ObjectMeta, d.Spec.Selector, &d.Spec.Template)
	if err != nil {
		return nil, err
	}
	w.observed, w.replicas, w.paused = d.Status.ObservedGeneration, or(d.Spec.Replicas, 1), d.Spec.Paused
	w.minReady, w.revision, w.rolling = d.Spec.MinReadySeconds, d.Annotations[revisionAnnotation], true
	return w, nil
}

func parseStatefulSet(o *object) (*workload, error) {
	var s appsv1.StatefulSet
	if err := json.Unmarshal(o.raw, &s); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	w, err := from("StatefulSet", s.ObjectMeta, s.Spec.Selector, &s.Spec.Template)
	if err != nil {
		return nil, err
	}
	w.observed, w.replicas, w.minReady = s.Status.ObservedGeneration, or(s.Spec.Replicas, 1), s.Spec.MinReadySeconds
	w.revision, w.current = s.Status.UpdateRevision, s.Status.CurrentRevision
	if s.Spec.Ordinals != nil {
		w.start = int(s.Spec.Ordinals.Start)
	}
	w.rolling = s.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType
	if r := s.Spec.UpdateStrategy.RollingUpdate; w.rolling && r != nil {
		w.partition = or(r.Partition, 0)
	}
	return w, nil
}

func parseDaemonSet(o *object) (*workload, error) {
	var d appsv1.DaemonSet
	if err := json.Unmarshal(o.raw, &d); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	w, err := from("DaemonSet", d.ObjectMeta, d.Spec.Selector, &d.Spec.Template)
	if err != nil {
		return nil, err
	}
	w.observed, w.replicas, w.minReady = d.Status.ObservedGeneration, int(d.Status.DesiredNumberScheduled), d.Spec.MinReadySeconds
	w.rolling = d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType
	return w, nil
}

func or(p *int32, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return int(*p)
}
