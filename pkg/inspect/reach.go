package inspect

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// reach follows the relations down from the targets: Service → workloads →
// pods, Deployment → ReplicaSets and pods. It says what it wants to read to go
// on. ReplicaSets of a Deployment are members beside its pods, not above them,
// because nobody edits them: chains lead from the Deployment to the pod.
func reach(s *snapshot.Snapshot, targets []finding.Ref) (*rule.Scope, snapshot.Needs) {
	r := newReacher(s, targets)
	for _, t := range r.scope.Targets {
		r.from(t)
	}
	return r.scope, r.needs
}

func newReacher(s *snapshot.Snapshot, targets []finding.Ref) *reacher {
	scope := rule.NewScope(targets...)
	return &reacher{s: s, scope: scope, everywhere: everywhere(scope)}
}

type reacher struct {
	s     *snapshot.Snapshot
	scope *rule.Scope
	needs snapshot.Needs
	// everywhere: see the function of that name.
	everywhere bool
}

func (r *reacher) need(n snapshot.Need) { r.needs.Objects = append(r.needs.Objects, n) }

func (r *reacher) from(t finding.Ref) {
	switch t.Kind {
	case "Service":
		if svc, a := snapshot.Get[*corev1.Service](r.s, t.Namespace, t.Name); a.State == snapshot.Present {
			r.service(t, svc)
		}
	case "Deployment":
		r.deployment(t)
	case "ReplicaSet":
		r.replicaSet(t)
	case "StatefulSet", "DaemonSet", "Job":
		r.controlled(t)
	case "Pod":
		r.owners(t)
	default:
		r.further(t)
	}
}

// service reaches the workloads whose template the selector matches, running
// or not, and the pods that match for any other reason.
func (r *reacher) service(t finding.Ref, svc *corev1.Service) {
	slices := snapshot.Need{Kind: "EndpointSlice", Namespace: listed(r.everywhere, t.Namespace)}
	if !r.many() {
		slices.Selector = sliceSelector(t.Name)
	}
	r.need(slices)
	if len(svc.Spec.Selector) == 0 {
		return
	}
	for _, k := range []snapshot.Kind{"Pod", "Deployment", "ReplicaSet"} {
		r.need(snapshot.Need{Kind: k, Namespace: t.Namespace})
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	deployments, _ := snapshot.List[*appsv1.Deployment](r.s, t.Namespace, nil)
	for _, d := range deployments {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			ref := rule.RefTo(d)
			r.scope.Add(t, ref)
			r.deployment(ref)
		}
	}
	pods, _ := snapshot.List[*corev1.Pod](r.s, t.Namespace, selector)
	for _, pod := range pods {
		ref := rule.RefTo(pod)
		if r.scope.Under(t, ref) {
			continue
		}
		owner := rule.TemplateOwner(r.s, pod)
		r.scope.Add(t, owner) // the pod itself where nobody owns it
		r.scope.Add(owner, ref)
	}
}

// deployment reaches its ReplicaSets and pods. Where the Deployment cannot be
// read, its pods are still known by how its ReplicaSets are named.
func (r *reacher) deployment(t finding.Ref) {
	d, a := snapshot.Get[*appsv1.Deployment](r.s, t.Namespace, t.Name)
	if a.State != snapshot.Present {
		if a.Why != "" && !a.NotRead() {
			r.need(snapshot.Need{Kind: "Pod", Namespace: t.Namespace})
			r.podsOf(t, nil)
		}
		return
	}
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil || selector.Empty() {
		return
	}
	r.need(snapshot.Need{Kind: "ReplicaSet", Namespace: t.Namespace, Selector: selector.String()})
	r.need(snapshot.Need{Kind: "Pod", Namespace: t.Namespace, Selector: selector.String()})
	for _, rs := range replicaSetsOf(r.s, d) {
		r.scope.Add(t, rule.RefTo(rs))
	}
	r.podsOf(t, selector)
}

// podsOf hangs the pods whose template this owner holds under it.
func (r *reacher) podsOf(t finding.Ref, selector labels.Selector) {
	pods, _ := snapshot.List[*corev1.Pod](r.s, t.Namespace, selector)
	for _, pod := range pods {
		if rule.TemplateOwner(r.s, pod) == t {
			r.scope.Add(t, rule.RefTo(pod))
		}
	}
}

func (r *reacher) replicaSet(t finding.Ref) {
	rs, a := snapshot.Get[*appsv1.ReplicaSet](r.s, t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	r.owners(t)
	selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	if err != nil || selector.Empty() {
		return
	}
	r.need(snapshot.Need{Kind: "Pod", Namespace: t.Namespace, Selector: selector.String()})
	pods, _ := snapshot.List[*corev1.Pod](r.s, t.Namespace, selector)
	for _, pod := range pods {
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && owner.UID == rs.UID {
			r.scope.Add(t, rule.RefTo(pod))
		}
	}
}

// fewTargets bounds up to how many targets have what belongs to them read one
// by one; above it the kinds are listed.
const fewTargets = 3

// everywhere says that the targets lie in so many namespaces that a kind is
// better listed in all of them at once.
func everywhere(sc *rule.Scope) bool {
	seen := map[string]bool{}
	for _, t := range sc.Targets {
		seen[t.Namespace] = true
	}
	return len(seen) > fewTargets
}

// listed is the namespace to list in for something in this one.
func listed(everywhere bool, namespace string) string {
	if everywhere {
		return ""
	}
	return namespace
}

func (r *reacher) many() bool { return len(r.scope.Targets) > fewTargets }

// controlled reaches the pods of a controller that makes them itself.
func (r *reacher) controlled(t finding.Ref) {
	o, a := r.s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	selector, err := metav1.LabelSelectorAsSelector(rule.Selector(o))
	if err != nil || selector.Empty() {
		return
	}
	r.owners(t)
	r.need(snapshot.Need{Kind: "Pod", Namespace: t.Namespace, Selector: selector.String()})
	r.podsOf(t, selector)
}

// owners wants the controllers above a target, to say who they are and how they fare.
func (r *reacher) owners(t finding.Ref) {
	for o, _ := r.s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); o != nil; {
		owner, owned := controller(o)
		if !owned {
			return
		}
		if _, known := snapshot.Lookup(snapshot.Kind(owner.Kind)); !known {
			return
		}
		need := snapshot.Need{Kind: snapshot.Kind(owner.Kind), Namespace: owner.Namespace}
		if !r.many() {
			need.Name = owner.Name
		}
		r.need(need)
		o, _ = r.s.Find(snapshot.Kind(owner.Kind), owner.Namespace, owner.Name)
	}
}

// replicaSetsOf lists the ReplicaSets that a Deployment controls.
func replicaSetsOf(s *snapshot.Snapshot, d *appsv1.Deployment) []*appsv1.ReplicaSet {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil
	}
	all, _ := snapshot.List[*appsv1.ReplicaSet](s, d.Namespace, selector)
	var out []*appsv1.ReplicaSet
	for _, rs := range all {
		if owner := metav1.GetControllerOfNoCopy(rs); owner != nil && owner.UID == d.UID {
			out = append(out, rs)
		}
	}
	return out
}

// sliceSelector selects a Service's EndpointSlices.
func sliceSelector(service string) string { return "kubernetes.io/service-name=" + service }
