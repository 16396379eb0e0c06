// Package plan says what a rollout would do before it does anything: which
// weights it can reach, every write with what the API server says of it, the
// room that it needs, how long it takes, and what would fight it. It refuses
// what cannot be safe. It is pure: it reads a snapshot and values, nothing else.
package plan

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// workload is what the three kinds have in common.
type workload struct {
	ref      rollout.Ref
	meta     metav1.ObjectMeta
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
	// replicas is the number asked for; of a DaemonSet, the nodes that it is meant for.
	replicas int
	paused   bool
	// deployment, set and daemon: the one that it is.
	deployment *appsv1.Deployment
	set        *appsv1.StatefulSet
	daemon     *appsv1.DaemonSet
}

// find looks the workload up. The answer is Absent or Unknown, with the reason, where there is none.
func find(s *snapshot.Snapshot, ref rollout.Ref) (*workload, snapshot.Answer) {
	w := workload{ref: ref}
	var a snapshot.Answer
	switch ref.Kind {
	case "Deployment":
		if w.deployment, a = snapshot.Get[*appsv1.Deployment](s, ref.Namespace, ref.Name); a.State == snapshot.Present {
			spec := w.deployment.Spec
			w.meta, w.selector, w.template, w.paused = w.deployment.ObjectMeta, spec.Selector, spec.Template, spec.Paused
			w.replicas = number(spec.Replicas)
		}
	case "StatefulSet":
		if w.set, a = snapshot.Get[*appsv1.StatefulSet](s, ref.Namespace, ref.Name); a.State == snapshot.Present {
			spec := w.set.Spec
			w.meta, w.selector, w.template, w.replicas = w.set.ObjectMeta, spec.Selector, spec.Template, number(spec.Replicas)
		}
	case "DaemonSet":
		if w.daemon, a = snapshot.Get[*appsv1.DaemonSet](s, ref.Namespace, ref.Name); a.State == snapshot.Present {
			spec := w.daemon.Spec
			w.meta, w.selector, w.template = w.daemon.ObjectMeta, spec.Selector, spec.Template
			w.replicas = int(w.daemon.Status.DesiredNumberScheduled)
		}
	}
	if a.State != snapshot.Present {
		return nil, a
	}
	return &w, a
}

// number is spec.replicas, 1 where it is left out.
func number(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}

// surge is how many Pods more than its replicas the workload's own strategy allows, at least 1.
func (w *workload) surge() int {
	if w.deployment == nil || w.deployment.Spec.Strategy.RollingUpdate == nil || w.deployment.Spec.Strategy.RollingUpdate.MaxSurge == nil {
		return 1
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(w.deployment.Spec.Strategy.RollingUpdate.MaxSurge, w.replicas, true)
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// target names the workload as findings do.
func (w *workload) target() finding.Ref { return asFinding(w.ref) }

func asFinding(r rollout.Ref) finding.Ref {
	return finding.Ref{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}
