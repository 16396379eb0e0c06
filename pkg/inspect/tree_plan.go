package inspect

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// treeBudget bounds what a tree reads, however many replicas there are. What
// would go beyond is reported as not checked.
func treeBudget(q Query) int {
	most := max(objectRequests, budget(q))
	for _, t := range q.Targets {
		switch snapshot.Kind(t.Kind) {
		case gatewayAPIKind:
			return manyRequests
		case "Service": // with what routes to it
			most = max(most, routedRequests)
		}
	}
	return most
}

// TreePlan says what is still to be read for the tree: first what it consists
// of, then what says why something is unwell, then what depends on it.
func TreePlan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, needs := resolve(s, q)
	if more := s.Missing(needs); !more.Empty() {
		return snapshot.Needs{Objects: more.Objects}
	}
	_, more := treeReach(s, targets)
	needs.Add(more)
	if missing := s.Missing(needs); !missing.Empty() {
		return within(s, folded(s, missing), treeBudget(q))
	}
	return within(s, folded(s, s.Missing(treeNeeds(s, q))), treeBudget(q))
}

// treeReach is reach, and what hangs on a target that says nothing of it itself:
// the routes of a Gateway, the pods of a Node.
func treeReach(s *snapshot.Snapshot, targets []finding.Ref) (*rule.Scope, snapshot.Needs) {
	r := newReacher(s, targets)
	for _, t := range r.scope.Targets {
		r.from(t)
		switch t.Kind {
		case string(gatewayAPIKind):
			r.attached(t)
		case "Node":
			r.placed(t)
		}
	}
	return r.scope, r.needs
}

// attached reaches the routes that name a Gateway as their parent, and what they lead to.
func (r *reacher) attached(gateway finding.Ref) {
	for _, kind := range routeKinds() {
		r.need(snapshot.Need{Kind: kind})
		routes, _ := snapshot.ListCustom(r.s, kind, "", nil)
		for _, u := range routes {
			if slices.ContainsFunc(routeParents(u), func(p routeParent) bool { return p.ref() == gateway }) {
				r.scope.Add(gateway, rule.RefTo(u))
				r.routed(rule.RefTo(u))
			}
		}
	}
}

// placed reaches the pods that are bound to a node.
func (r *reacher) placed(node finding.Ref) {
	r.need(podsOn(node.Name))
	pods, _ := snapshot.List[*corev1.Pod](r.s, "", nil)
	for _, pod := range pods {
		if pod.Spec.NodeName == node.Name {
			r.scope.Add(node, rule.RefTo(pod))
		}
	}
}

// treeNeeds lists everything that the tree would like to read beyond the objects themselves, the most telling first.
func treeNeeds(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, _ := resolve(s, q)
	scope, more := treeReach(s, targets)
	n := snapshot.Needs{Objects: more.Objects}
	n.Objects = append(n.Objects, relatedNeeds(s, scope)...)
	for _, need := range referredNeeds(s, scope) {
		if need.Kind != accountKind {
			n.Objects = append(n.Objects, need)
		}
	}
	rules := rule.Needs(s, scope, telling())
	rules.Add(warningNeeds(s, scope))
	n.Objects = append(n.Objects, rules.Objects...)
	n.Objects = append(n.Objects, dependantNeeds(scope)...)
	for _, need := range referredNeeds(s, scope) {
		if need.Kind == accountKind {
			n.Objects = append(n.Objects, need)
		}
	}
	return n
}

// referredNeeds asks for the ConfigMaps, Secrets and claims that the templates
// in the scope name: the one object, or the list where there are several.
func referredNeeds(s *snapshot.Snapshot, scope *rule.Scope) []snapshot.Need {
	wanted := map[snapshot.Need][]string{}
	var order []snapshot.Need
	for m := range scope.Members() {
		o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present || standsBelow(o) {
			continue
		}
		for _, r := range referred(o) {
			list := snapshot.Need{Kind: snapshot.Kind(r.to.Kind), Namespace: r.to.Namespace}
			if !slices.Contains(order, list) {
				order = append(order, list)
			}
			if !slices.Contains(wanted[list], r.to.Name) {
				wanted[list] = append(wanted[list], r.to.Name)
			}
		}
	}
	var out []snapshot.Need
	for _, list := range order {
		if len(wanted[list]) == 1 {
			list.Name = wanted[list][0]
		}
		out = append(out, list)
	}
	return out
}

// standsBelow says that the object was made from a template that another one in the tree holds.
func standsBelow(o snapshot.Object) bool {
	_, owned := controller(o)
	return owned
}

// relatedNeeds asks for what targets that are no workloads point to, and for what points to them.
func relatedNeeds(s *snapshot.Snapshot, scope *rule.Scope) []snapshot.Need {
	texts, err := loadMessages()
	if err != nil || s.Source == snapshot.FromManifests {
		return nil
	}
	e := explainer{s: s, scope: scope, texts: texts}
	var out []snapshot.Need
	for _, t := range scope.Targets {
		if o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); a.State == snapshot.Present {
			out = append(out, around(t)...)
			out = append(out, slices.DeleteFunc(e.pointedAt(t, o), func(n snapshot.Need) bool { return aside(n.Kind) })...)
		}
	}
	return out
}

// aside are kinds that a tree leaves out: a Node's Lease says what its Ready says.
func aside(k snapshot.Kind) bool { return k == "Lease" }

// dependantNeeds asks for what may select, scale, guard or route to something in the scope.
func dependantNeeds(scope *rule.Scope) []snapshot.Need {
	var out []snapshot.Need
	add := func(namespace string, kinds ...snapshot.Kind) {
		for _, k := range kinds {
			n := snapshot.Need{Kind: k, Namespace: namespace}
			if _, known := snapshot.Lookup(k); known && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, t := range scope.Targets {
		switch t.Kind {
		case "Service":
			add(t.Namespace, "Ingress", "HTTPRoute", "HorizontalPodAutoscaler", "PodDisruptionBudget", "GRPCRoute")
		case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job":
			add(t.Namespace, "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "HTTPRoute")
		}
	}
	return out
}

// users are the kinds that take in ConfigMaps, Secrets and claims by a pod template.
func users() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"}
}

// podLike gives an object's pod template as a pod: the template of a workload, or the pod itself.
func podLike(o snapshot.Object) *corev1.Pod {
	if pod, ok := o.(*corev1.Pod); ok {
		return pod
	}
	t := rule.Template(o)
	if t == nil {
		return nil
	}
	return &corev1.Pod{ObjectMeta: *t.ObjectMeta.DeepCopy(), Spec: t.Spec}
}

// referral is one object that another one names.
type referral struct {
	to finding.Ref
	// keys are the keys that are taken, none for the whole object.
	keys     []string
	optional bool
}

// referred lists what an object's pod template names, each object once, in order of kind.
func referred(o snapshot.Object) []referral {
	pod := podLike(o)
	if pod == nil {
		return nil
	}
	var out []referral
	add := func(kind, name, key string, optional bool) {
		to := finding.Ref{Kind: kind, Namespace: o.GetNamespace(), Name: name}
		at := slices.IndexFunc(out, func(r referral) bool { return r.to == to })
		if at < 0 {
			out = append(out, referral{to: to, optional: optional})
			at = len(out) - 1
		}
		out[at].optional = out[at].optional && optional
		if key != "" && !slices.Contains(out[at].keys, key) && !optional {
			out[at].keys = append(out[at].keys, key)
		}
	}
	for _, r := range references(pod) {
		add(string(r.kind), r.name, r.key, r.optional)
	}
	for _, p := range pod.Spec.ImagePullSecrets {
		if p.Name != "" {
			add("Secret", p.Name, "", true) // without it a pull may well work
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName, "", false)
		}
	}
	if name := pod.Spec.ServiceAccountName; name != "" && name != "default" {
		add("ServiceAccount", name, "", false)
	}
	slices.SortStableFunc(out, func(x, y referral) int { return kindRank(x.to.Kind) - kindRank(y.to.Kind) })
	return out
}

func kindRank(kind string) int {
	return slices.Index([]string{"ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"}, kind)
}
