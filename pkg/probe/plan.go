package probe

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Query is what was asked about: named objects, or all objects of some kinds
// (all that have a pod template where Kinds is empty too), narrowed by a label selector.
type Query struct {
	// Namespace is where kinds are listed; empty lists all namespaces.
	Namespace string
	Targets   []finding.Ref
	Kinds     []snapshot.Kind
	// Selector is a label selector in kubectl's form.
	Selector string
}

// templates are the kinds that are listed where no kind is named. ReplicaSets
// are not: their Deployment has the template, and their name tells which it is.
func templates() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"}
}

// unasked have a pod template too; in a cluster what they made tells more.
func unasked() []snapshot.Kind { return []snapshot.Kind{"ReplicaSet", "CronJob"} }

// Plan says what is still to be read to answer the query, given what is known
// so far. It is asked again after each round of reading until it wants nothing.
func Plan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, needs := resolve(s, q)
	if len(targets) == 0 && q.Namespace != "" && s.Missing(needs).Empty() {
		// Nothing there: is the namespace itself?
		needs.Objects = append(needs.Objects, snapshot.Need{Kind: "Namespace", Name: q.Namespace})
	}
	scope, more := reach(s, targets)
	needs.Add(more)
	needs.Add(eventNeeds(scope))
	return s.Missing(needs)
}

// resolve turns the query into targets, and says what must be read for that.
func resolve(s *snapshot.Snapshot, q Query) ([]finding.Ref, snapshot.Needs) {
	var needs snapshot.Needs
	targets := append([]finding.Ref{}, q.Targets...)
	for _, t := range q.Targets {
		needs.Objects = append(needs.Objects, snapshot.Need{Kind: snapshot.Kind(t.Kind), Namespace: t.Namespace, Name: t.Name})
	}
	if len(q.Targets) > 0 {
		return targets, needs
	}
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = templates()
		for _, k := range unasked() {
			if len(s.OfKind(k, q.Namespace)) > 0 { // in manifests, or in a snapshot of another command
				kinds = append(kinds, k)
			}
		}
	}
	selector, err := labels.Parse(q.Selector)
	if err != nil {
		return targets, needs
	}
	for _, k := range kinds {
		if !slices.Contains(unasked(), k) || len(q.Kinds) > 0 {
			needs.Objects = append(needs.Objects, snapshot.Need{Kind: k, Namespace: q.Namespace, Selector: q.Selector})
		}
		for _, o := range s.OfKind(k, q.Namespace) {
			if selector.Matches(labels.Set(o.GetLabels())) && (len(q.Kinds) > 0 || !stoodFor(s, selector, o)) {
				targets = append(targets, rule.RefTo(o))
			}
		}
	}
	return targets, needs
}

// stoodFor says whether another target already stands for the object: the
// workload whose template it has.
func stoodFor(s *snapshot.Snapshot, selector labels.Selector, o snapshot.Object) bool {
	owner := owned(o)
	if pod, ok := o.(*corev1.Pod); ok {
		owner = rule.TemplateOwner(s, pod)
	}
	if owner == rule.RefTo(o) || owner.Kind == "CronJob" || !slices.Contains(append(templates(), "ReplicaSet"), snapshot.Kind(owner.Kind)) {
		return false
	}
	up, a := s.Find(snapshot.Kind(owner.Kind), owner.Namespace, owner.Name)
	return a.State == snapshot.Present && selector.Matches(labels.Set(up.GetLabels()))
}

// reach follows the targets down to their pods, and says what it wants to read
// to go on. Services are wanted too: what nobody routes to needs no readiness probe.
func reach(s *snapshot.Snapshot, targets []finding.Ref) (*rule.Scope, snapshot.Needs) {
	r := reacher{s: s, scope: rule.NewScope(targets...)}
	r.everywhere = len(spaces(r.scope.Targets)) > fewTargets
	for _, t := range r.scope.Targets {
		r.from(t)
	}
	return r.scope, r.needs
}

// fewTargets bounds up to how many targets have what belongs to them read one
// by one; above it the kinds are listed.
const fewTargets = 3

func spaces(refs []finding.Ref) map[string]bool {
	out := map[string]bool{}
	for _, r := range refs {
		out[r.Namespace] = true
	}
	return out
}

type reacher struct {
	s          *snapshot.Snapshot
	scope      *rule.Scope
	needs      snapshot.Needs
	everywhere bool
	// owners holds, for each namespace, the pods of every owner.
	owners map[string]map[finding.Ref][]finding.Ref
}

// need asks for a list in a namespace, or everywhere where the targets lie in many.
func (r *reacher) need(kind snapshot.Kind, namespace, selector string) {
	if r.everywhere {
		namespace = ""
	}
	if len(r.scope.Targets) > fewTargets {
		selector = ""
	}
	r.needs.Objects = append(r.needs.Objects, snapshot.Need{Kind: kind, Namespace: namespace, Selector: selector})
}

func (r *reacher) from(t finding.Ref) {
	o, a := r.s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return
	}
	r.need("Service", t.Namespace, "")
	if svc, ok := o.(*corev1.Service); ok {
		r.service(t, svc)
		return
	}
	written := rule.Selector(o)
	if written == nil { // a pod: nobody is below it
		return
	}
	selector, err := metav1.LabelSelectorAsSelector(written)
	if err != nil || selector.Empty() {
		return
	}
	r.need("Pod", t.Namespace, selector.String())
	r.podsOf(t, t)
}

// podsOf hangs the pods whose template the owner holds below the parent.
func (r *reacher) podsOf(parent, owner finding.Ref) {
	if r.owners == nil {
		r.owners = map[string]map[finding.Ref][]finding.Ref{}
	}
	space, ok := r.owners[owner.Namespace]
	if !ok {
		space = map[finding.Ref][]finding.Ref{}
		pods, _ := snapshot.List[*corev1.Pod](r.s, owner.Namespace, nil)
		for _, pod := range pods {
			by := rule.TemplateOwner(r.s, pod)
			space[by] = append(space[by], rule.RefTo(pod))
			if direct := metav1.GetControllerOfNoCopy(pod); direct != nil && direct.Kind != by.Kind {
				rs := finding.Ref{Kind: direct.Kind, Namespace: pod.Namespace, Name: direct.Name}
				space[rs] = append(space[rs], rule.RefTo(pod))
			}
		}
		r.owners[owner.Namespace] = space
	}
	for _, pod := range space[owner] {
		r.scope.Add(parent, pod)
	}
}

// service reaches the workloads whose template its selector matches, and the
// pods that match for any other reason.
func (r *reacher) service(t finding.Ref, svc *corev1.Service) {
	if len(svc.Spec.Selector) == 0 {
		return
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	for _, kind := range []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet"} {
		r.need(kind, t.Namespace, "")
		for _, o := range r.s.OfKind(kind, t.Namespace) {
			if meta, _ := template(o); selector.Matches(labels.Set(meta)) {
				ref := rule.RefTo(o)
				r.scope.Add(t, ref)
				r.podsOf(ref, ref)
			}
		}
	}
	r.need("Pod", t.Namespace, selector.String())
	pods, _ := snapshot.List[*corev1.Pod](r.s, t.Namespace, selector)
	for _, pod := range pods {
		if ref := rule.RefTo(pod); !r.scope.Under(t, ref) {
			r.scope.Add(t, ref)
		}
	}
}

// eventNeeds asks for the kubelet's events about probes: those of one pod by
// itself, else those of the namespace, by reason.
func eventNeeds(sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	var pods []finding.Ref
	for m := range sc.Members() {
		if m.Kind == "Pod" {
			pods = append(pods, m)
		}
	}
	if len(pods) == 1 {
		n.Objects = append(n.Objects, snapshot.Need{Kind: eventKind, Namespace: pods[0].Namespace, Fields: "involvedObject.name=" + pods[0].Name})
		return n
	}
	in := spaces(pods)
	names := make([]string, 0, len(in))
	for ns := range in {
		names = append(names, ns)
	}
	slices.Sort(names)
	if len(names) > fewTargets {
		names = []string{""}
	}
	for _, ns := range names {
		for _, reason := range []string{unhealthy, killing, probeWarning} {
			n.Objects = append(n.Objects, snapshot.Need{Kind: eventKind, Namespace: ns, Fields: "involvedObject.kind=Pod,reason=" + reason})
		}
	}
	return n
}
