package probe

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// subject is one pod template with the pods that were seen of it. It is judged
// once, however many pods there are.
type subject struct {
	// ref is what must change for a container to change: the workload, or a bare pod.
	ref finding.Ref
	// read is where the template was read: the workload, or a pod whose owner was not read.
	read finding.Ref
	// object is the workload or pod itself; nil where only its pods were read.
	object   snapshot.Object
	labels   map[string]string
	spec     *corev1.PodSpec
	pods     []*corev1.Pod
	services []*corev1.Service
}

// template gives the pod template that an object holds; a pod is its own.
func template(o snapshot.Object) (map[string]string, *corev1.PodSpec) {
	if pod, ok := o.(*corev1.Pod); ok {
		return pod.Labels, &pod.Spec
	}
	t := rule.Template(o)
	if t == nil {
		return nil, nil
	}
	return t.Labels, &t.Spec
}

// view is what the rules look at: the subjects of a scope, and the events about their pods.
type view struct {
	s        *snapshot.Snapshot
	subjects []*subject
	events   map[finding.Ref][]*corev1.Event
}

// look finds the subjects of a scope. A pod belongs to the subject of the
// workload whose template it has; where that was not read, the pod stands for it.
func look(s *snapshot.Snapshot, sc *rule.Scope) *view {
	v := &view{s: s, events: map[finding.Ref][]*corev1.Event{}}
	known := map[finding.Ref]*subject{}
	for m := range sc.Members() {
		o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present {
			continue
		}
		if pod, ok := o.(*corev1.Pod); ok {
			v.addPod(known, pod)
			continue
		}
		if meta, spec := template(o); spec != nil {
			v.addTemplate(known, owned(o), &subject{read: m, object: o, labels: meta, spec: spec})
		}
	}
	for _, sub := range v.subjects {
		sub.services = selecting(s, sub)
	}
	v.indexEvents(known)
	return v
}

// owned is what must change for the template of a workload to change: a
// Deployment for its ReplicaSet, a CronJob for its Job.
func owned(o snapshot.Object) finding.Ref {
	if up := metav1.GetControllerOfNoCopy(o); up != nil {
		return finding.Ref{Kind: up.Kind, Namespace: o.GetNamespace(), Name: up.Name}
	}
	return rule.RefTo(o)
}

// addTemplate: of several templates of one owner (Jobs of a CronJob) the first stands for all.
func (v *view) addTemplate(known map[finding.Ref]*subject, owner finding.Ref, sub *subject) {
	if _, ok := known[owner]; ok {
		return
	}
	sub.ref = owner
	known[owner], known[sub.read] = sub, sub
	v.subjects = append(v.subjects, sub)
}

func (v *view) addPod(known map[finding.Ref]*subject, pod *corev1.Pod) {
	owner, ref := rule.TemplateOwner(v.s, pod), rule.RefTo(pod)
	sub, ok := known[owner]
	if !ok {
		sub = &subject{ref: owner, read: ref, labels: pod.Labels, spec: &pod.Spec}
		if owner == ref {
			sub.object = pod
		}
		known[owner] = sub
		v.subjects = append(v.subjects, sub)
	}
	if meant(pod) {
		sub.pods = append(sub.pods, pod)
	}
}

// meant says that a pod is meant to run: it is not finished and not being deleted.
func meant(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// selecting are the Services seen whose selector matches the template's labels.
func selecting(s *snapshot.Snapshot, sub *subject) []*corev1.Service {
	all, _ := snapshot.List[*corev1.Service](s, sub.ref.Namespace, nil)
	var out []*corev1.Service
	for _, svc := range all {
		if len(svc.Spec.Selector) > 0 && svc.Spec.Type != corev1.ServiceTypeExternalName &&
			labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(sub.labels)) {
			out = append(out, svc)
		}
	}
	return out
}

// containers are those of the template, then those that its pods have besides.
func (sub *subject) containers() []container {
	out := containers(sub.spec)
	if len(sub.pods) == 0 {
		return out
	}
	have := map[string]bool{}
	for _, c := range out {
		have[c.spec.Name] = true
	}
	for _, c := range containers(&sub.pods[0].Spec) {
		if !have[c.spec.Name] {
			c.added = true
			out = append(out, c)
		}
	}
	return out
}

// current are the pods that run the container as the template has it now: the
// same image, or any once the workload says that all its pods are updated (a
// registry may have been put in front of the image's name on the way in).
func (sub *subject) current(c container) []*corev1.Pod {
	d, isDeployment := sub.object.(*appsv1.Deployment)
	rolled := isDeployment && d.Status.ObservedGeneration >= d.Generation && d.Status.Replicas > 0 && d.Status.UpdatedReplicas == d.Status.Replicas
	var out []*corev1.Pod
	for _, pod := range sub.pods {
		if own, ok := c.in(pod); ok && (rolled || own.spec.Image == c.spec.Image) {
			out = append(out, pod)
		}
	}
	return out
}

// once says that the pods are to end by themselves.
func (sub *subject) once() bool { return sub.ref.Kind == "Job" || sub.ref.Kind == "CronJob" }
