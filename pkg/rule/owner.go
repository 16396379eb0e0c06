package rule

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// TemplateOwner names the object whose pod template must change for the pod to
// change: the Deployment behind the pod's ReplicaSet, else the pod's
// controller, else the pod itself. A Node controls the mirror of a static pod
// and has no template: the file on it is that pod.
func TemplateOwner(s *snapshot.Snapshot, pod *corev1.Pod) finding.Ref {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || owner.Kind == "Node" {
		return RefTo(pod)
	}
	ref := finding.Ref{Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name}
	if owner.Kind != "ReplicaSet" {
		return ref
	}
	rs, answer := snapshot.Get[*appsv1.ReplicaSet](s, pod.Namespace, owner.Name)
	if answer.State == snapshot.Present {
		if up := metav1.GetControllerOfNoCopy(rs); up != nil {
			return finding.Ref{Kind: up.Kind, Namespace: pod.Namespace, Name: up.Name}
		}
		return ref
	}
	return deploymentByName(pod, ref)
}

// deploymentByName finds the Deployment of a ReplicaSet that was not read: the
// Deployment controller names each ReplicaSet after itself and the
// pod-template-hash, which it also puts on the pods (deployment/sync.go).
func deploymentByName(pod *corev1.Pod, rs finding.Ref) finding.Ref {
	hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	name, ok := strings.CutSuffix(rs.Name, "-"+hash)
	if hash == "" || !ok || name == "" {
		return rs
	}
	return finding.Ref{Kind: "Deployment", Namespace: rs.Namespace, Name: name}
}

// TemplatePath is where a field of a pod is written: in a pod itself, or in its owner's template.
func TemplatePath(owner finding.Ref, path string) string {
	switch owner.Kind {
	case "Pod":
		return path
	case "CronJob":
		return "spec.jobTemplate.spec.template." + path
	}
	return "spec.template." + path
}
