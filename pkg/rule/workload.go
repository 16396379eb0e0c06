package rule

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Template is the pod template that an object holds; nil for one that holds none, a pod among them.
func Template(o snapshot.Object) *corev1.PodTemplateSpec {
	switch v := o.(type) {
	case *appsv1.Deployment:
		return &v.Spec.Template
	case *appsv1.ReplicaSet:
		return &v.Spec.Template
	case *appsv1.StatefulSet:
		return &v.Spec.Template
	case *appsv1.DaemonSet:
		return &v.Spec.Template
	case *batchv1.Job:
		return &v.Spec.Template
	case *batchv1.CronJob:
		return &v.Spec.JobTemplate.Spec.Template
	}
	return nil
}

// Selector is how a workload finds its pods; nil for what has no pods of its
// own, a CronJob among them, or finds them in another way.
func Selector(o snapshot.Object) *metav1.LabelSelector {
	switch v := o.(type) {
	case *appsv1.Deployment:
		return v.Spec.Selector
	case *appsv1.ReplicaSet:
		return v.Spec.Selector
	case *appsv1.StatefulSet:
		return v.Spec.Selector
	case *appsv1.DaemonSet:
		return v.Spec.Selector
	case *batchv1.Job:
		return v.Spec.Selector
	}
	return nil
}
