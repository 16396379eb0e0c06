package quota

import (
	"cmp"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Work is a workload as admission meets it: what its controller will send.
type Work struct {
	Ref      finding.Ref
	Object   snapshot.Object
	Template *corev1.PodTemplateSpec
	// Pods is how many of them are to be at the same time. It is 0 for a
	// DaemonSet, which asks the nodes.
	Pods int
	// PodsSaid is false where the number is the API server's default, and what
	// is there already stays as it is.
	PodsSaid bool
	// Claims are made for each pod before it (StatefulSet).
	Claims []corev1.PersistentVolumeClaim
	// Children are what the controller makes between the workload and its pods:
	// a ReplicaSet for a Deployment, a Job for a CronJob. Quotas count those too.
	Children []snapshot.Object
	// first is how many pods come before the one with index 0.
	first int
	// revision is what the controller will label the pods with, empty where that is not known.
	revision string
}

// newRevision stands for the label of pods of which there are none yet: it is like no other.
const newRevision = "new"

// revisionLabel is by what controllers tell old and new pods apart. It is what
// matchLabelKeys is made for: pods of an old revision are not to count.
func revisionLabel(kind string) string {
	switch kind {
	case "Deployment":
		return appsv1.DefaultDeploymentUniqueLabelKey
	case "StatefulSet", "DaemonSet":
		return appsv1.ControllerRevisionHashLabelKey
	}
	return ""
}

// revisions are those of the newest pod of each workload.
func revisions(s *snapshot.Snapshot) map[finding.Ref]string {
	newest := map[finding.Ref]*corev1.Pod{}
	pods, _ := snapshot.List[*corev1.Pod](s, "", nil)
	for _, p := range pods {
		owner := rule.TemplateOwner(s, p)
		if last := newest[owner]; p.DeletionTimestamp == nil && (last == nil || last.CreationTimestamp.Time.Before(p.CreationTimestamp.Time)) {
			newest[owner] = p
		}
	}
	out := map[finding.Ref]string{}
	for of, p := range newest {
		out[of] = p.Labels[revisionLabel(of.Kind)]
	}
	return out
}

// as is the workload whose pods get that revision; none is a new one.
func (w Work) as(revision string) Work {
	w.revision = cmp.Or(revision, newRevision)
	return w
}

// from is the workload with so many pods fewer in front.
func (w Work) from(pods int) Work {
	w.first += pods
	return w
}

// ordinal is the number that a StatefulSet gives the pod with this index.
func (w Work) ordinal(index int) int {
	if set, ok := w.Object.(*appsv1.StatefulSet); ok && set.Spec.Ordinals != nil {
		index += int(set.Spec.Ordinals.Start)
	}
	return w.first + index
}

// WorkOf reads a workload; false for every other kind. A bare pod is a workload
// of one.
func WorkOf(o snapshot.Object) (Work, bool) {
	if o == nil {
		return Work{}, false
	}
	w := Work{Ref: rule.RefTo(o), Object: o, Pods: 1, PodsSaid: true}
	switch o := o.(type) {
	case *corev1.Pod:
		w.Template = &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: o.Labels, Annotations: o.Annotations}, Spec: o.Spec}
	case *appsv1.Deployment:
		w.Template = &o.Spec.Template
		w.replicas(o.Spec.Replicas)
		w.Children = []snapshot.Object{&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name + "-*"}}}
	case *appsv1.ReplicaSet:
		w.Template = &o.Spec.Template
		w.replicas(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		w.Template, w.Claims = &o.Spec.Template, o.Spec.VolumeClaimTemplates
		w.replicas(o.Spec.Replicas)
	case *appsv1.DaemonSet:
		w.Template, w.Pods = &o.Spec.Template, 0
	case *batchv1.Job:
		w.Template, w.Pods = &o.Spec.Template, jobPods(&o.Spec)
	case *batchv1.CronJob:
		w.Template, w.Pods = &o.Spec.JobTemplate.Spec.Template, jobPods(&o.Spec.JobTemplate.Spec)
		w.Children = []snapshot.Object{&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name + "-*"}}}
	default:
		return Work{}, false
	}
	return w, true
}

// topWorkOf reads a workload that nobody owns. Owners are looked at first, for
// most objects of a large cluster are pods that have one.
func topWorkOf(o snapshot.Object) (Work, bool) {
	if len(o.GetOwnerReferences()) > 0 {
		return Work{}, false
	}
	return WorkOf(o)
}

func (w *Work) replicas(n *int32) {
	if w.PodsSaid = n != nil; w.PodsSaid {
		w.Pods = max(int(*n), 0)
	}
}

// jobPods is how many pods a Job has at once: parallelism, and no more than are
// needed to complete it (pkg/controller/job).
func jobPods(spec *batchv1.JobSpec) int {
	if spec.Suspend != nil && *spec.Suspend {
		return 0
	}
	n := 1
	if spec.Parallelism != nil {
		n = int(*spec.Parallelism)
	}
	if spec.Completions != nil {
		n = min(n, int(*spec.Completions))
	}
	return max(n, 0)
}

// Pod is the pod with this index as the controller sends it. Of names that are
// made up at creation only the beginning is known; a * stands for the rest.
func (w Work) Pod(index int) *corev1.Pod {
	if p, ok := w.Object.(*corev1.Pod); ok {
		copied := p.DeepCopy()
		if copied.Name == copied.GenerateName {
			copied.Name = copied.GenerateName + "*"
		}
		return copied
	}
	pod := &corev1.Pod{ObjectMeta: *w.Template.ObjectMeta.DeepCopy(), Spec: *w.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name = w.Ref.Namespace, w.Ref.Name+"-*"
	if label := revisionLabel(w.Ref.Kind); label != "" && w.revision != "" {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, label, w.revision)
	}
	switch w.Object.(type) {
	case *appsv1.StatefulSet:
		pod.Name = fmt.Sprintf("%s-%d", w.Ref.Name, w.ordinal(index))
	case *appsv1.DaemonSet:
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, daemonTolerations(&pod.Spec)...)
	}
	return pod
}

// Claim is the claim of that template for the pod with this index.
func (w Work) Claim(template, index int) *corev1.PersistentVolumeClaim {
	c := w.Claims[template].DeepCopy()
	c.Namespace, c.Name = w.Ref.Namespace, fmt.Sprintf("%s-%s-%d", c.Name, w.Ref.Name, w.ordinal(index))
	return c
}

// daemonTolerations are what the DaemonSet controller adds to its pods
// (pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations).
func daemonTolerations(spec *corev1.PodSpec) []corev1.Toleration {
	var out []corev1.Toleration
	add := func(effect corev1.TaintEffect, keys ...string) {
		for _, k := range keys {
			out = append(out, corev1.Toleration{Key: k, Operator: corev1.TolerationOpExists, Effect: effect})
		}
	}
	add(corev1.TaintEffectNoExecute, corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable)
	add(corev1.TaintEffectNoSchedule, corev1.TaintNodeDiskPressure, corev1.TaintNodeMemoryPressure, corev1.TaintNodePIDPressure, corev1.TaintNodeUnschedulable)
	if spec.HostNetwork {
		add(corev1.TaintEffectNoSchedule, corev1.TaintNodeNetworkUnavailable)
	}
	return out
}
