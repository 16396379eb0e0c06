package inspect

import (
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// grower builds the tree from the top down. An object is shown in full once.
type grower struct {
	explainer
	below map[finding.Ref][]finding.Ref
	shown map[finding.Ref]bool
	// ill are the objects that a finding leads through or ends at.
	ill map[finding.Ref]bool
	// causes are the findings, each at the object that is shown for it.
	causes map[finding.Ref][]TreeCause
}

func newGrower(e explainer) *grower {
	g := &grower{explainer: e, below: map[finding.Ref][]finding.Ref{}, shown: map[finding.Ref]bool{}, ill: map[finding.Ref]bool{}, causes: map[finding.Ref][]TreeCause{}}
	for m := range e.scope.Members() {
		if up, ok := g.above(m); ok {
			g.hang(up, m)
		}
	}
	for _, f := range e.findings {
		at := f.Object.Object()
		if !e.scope.Has(at) && e.scope.Has(f.Where()) && len(f.Via) == 0 {
			at = f.Where().Object()
		}
		c := TreeCause{Rule: f.Rule, Severity: f.Severity, Title: f.Title}
		if f.Where().Kind == "Pod" {
			c.Pods = f.Count
		}
		g.causes[at] = append(g.causes[at], c)
		if f.Severity == finding.Info {
			continue
		}
		for _, r := range append(f.Places(), f.Via...) {
			g.ill[r.Object()] = true
		}
		g.ill[at] = true
	}
	return g
}

func (g *grower) hang(up, down finding.Ref) {
	if !slices.Contains(g.below[up], down) {
		g.below[up] = append(g.below[up], down)
	}
}

// above is what an object hangs under: its controller where that was seen or
// is a target's owner, else the way by which it was reached.
func (g *grower) above(r finding.Ref) (finding.Ref, bool) {
	o, a := g.s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
	if a.State == snapshot.Present {
		if up, ok := controller(o); ok {
			if _, seen := g.s.Find(snapshot.Kind(up.Kind), up.Namespace, up.Name); seen.State == snapshot.Present || slices.Contains(g.scope.Targets, r) {
				return up, true
			}
		}
	}
	chain := g.scope.Chain(r)
	if len(chain) < 2 {
		return finding.Ref{}, false
	}
	return chain[len(chain)-2], true
}

// tops climbs from each target to the one that nobody owns.
func (g *grower) tops(targets []finding.Ref) []finding.Ref {
	var out []finding.Ref
	for _, t := range targets {
		top := t
		for range 5 { // pod → Job → CronJob → whatever made that
			up, ok := g.above(top)
			if !ok {
				break
			}
			g.hang(up, top)
			top = up
		}
		if !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	return out
}

// grow builds the node of an object and what hangs under it; way are those above.
func (g *grower) grow(r finding.Ref, relation Relation, way []finding.Ref) TreeNode {
	n := TreeNode{Object: r, Relation: relation, Target: slices.Contains(g.scope.Targets, r), Count: 1, Members: []string{}, Causes: []TreeCause{}, Children: []TreeNode{}}
	o, answer := g.s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
	n.Health, n.Status = g.stateOf(o, answer)
	if u, ok := o.(*unstructured.Unstructured); ok && len(way) > 0 {
		n.Status = g.listening(u, way[len(way)-1], n.Status)
	}
	if g.ill[r] {
		n.Health = Unwell
	}
	if g.shown[r] {
		n.Again = true
		return n
	}
	g.shown[r] = true
	n.Causes = append(n.Causes, g.causes[r]...)
	way = append(slices.Clone(way), r)
	for _, down := range g.below[r] {
		if !slices.Contains(way, down) {
			n.Children = append(n.Children, g.grow(down, g.relationDown(r, down), way))
		}
	}
	if answer.State == snapshot.Present && relation != UsedBy { // who else is used does not matter there
		n.Children = append(n.Children, g.references(o, way)...)
		n.Children = append(n.Children, g.dependants(o, way)...)
		if relation != RoutedBy { // nor where else that leads
			n.Children = append(n.Children, g.related(o, way, n.Children)...)
		}
	}
	return n
}

// related grows what a target that is no workload points to, and what points to
// it; of a route or an Ingress also where it is not the target.
func (g *grower) related(o snapshot.Object, way []finding.Ref, there []TreeNode) []TreeNode {
	self := rule.RefTo(o)
	leads := self.Kind == "Ingress" || slices.Contains(routeKinds(), snapshot.Kind(self.Kind))
	if workload(self.Kind) || !leads && !slices.Contains(g.scope.Targets, self) {
		return nil
	}
	var out []TreeNode
	for _, p := range g.tell(o).refs {
		is := func(n TreeNode) bool { return n.Object == p.to }
		if p.relation == OwnedBy || p.relation == Runs || aside(snapshot.Kind(p.to.Kind)) || slices.Contains(way, p.to) || slices.ContainsFunc(there, is) || slices.ContainsFunc(out, is) {
			continue
		}
		out = append(out, g.grow(p.to, p.relation, way))
	}
	return out
}

// listening adds to a route's state which listeners of the Gateway above it names.
func (g *grower) listening(route *unstructured.Unstructured, gateway finding.Ref, status string) string {
	var listeners []string
	for _, p := range routeParents(route) {
		if p.ref() == gateway && p.section != "" {
			listeners = append(listeners, p.section)
		}
	}
	if len(listeners) == 0 {
		return status
	}
	return g.text("tree-listener", map[string]any{"listeners": strings.Join(listeners, ", "), "n": len(listeners), "status": status})
}

func (g *grower) relationDown(up, down finding.Ref) Relation {
	if o, a := g.s.Find(snapshot.Kind(down.Kind), down.Namespace, down.Name); a.State == snapshot.Present {
		if owner, ok := controller(o); ok && owner == up {
			return Controls
		}
	}
	if up.Kind == "Service" {
		return Selects
	}
	return Controls
}

// references grows what the object's template names. A pod or ReplicaSet that
// hangs under its owner does not repeat what the owner's template says, and one that
// hangs under something else, a Node say, has only those that are a trouble to it.
func (g *grower) references(o snapshot.Object, way []finding.Ref) []TreeNode {
	below := len(way) > 1 && standsBelow(o)
	if below && g.templateAbove(way[:len(way)-1]) {
		return nil
	}
	var out []TreeNode
	for _, r := range referred(o) {
		found, answer := g.s.Find(snapshot.Kind(r.to.Kind), r.to.Namespace, r.to.Name)
		health, status := g.referredState(r, found, answer)
		if len(g.causes[r.to]) > 0 { // of itself, and not of one of its keys that another workload wants
			health = Unwell
		}
		if below && health != Unwell {
			continue
		}
		n := g.grow(r.to, RefersTo, way)
		n.Health, n.Status = health, status
		out = append(out, n)
	}
	return out
}

// templateAbove says that something on the way up that was read holds a pod template.
func (g *grower) templateAbove(way []finding.Ref) bool {
	return slices.ContainsFunc(way, func(r finding.Ref) bool {
		o, a := g.s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
		return a.State == snapshot.Present && rule.Template(o) != nil
	})
}

// dependants grows what selects, scales, guards or takes in the object.
func (g *grower) dependants(o snapshot.Object, way []finding.Ref) []TreeNode {
	self := rule.RefTo(o)
	var out []TreeNode
	add := func(relation Relation, found snapshot.Object) {
		r := rule.RefTo(found)
		ownPlace := (relation == SelectedBy || relation == RoutedBy) && g.scope.Has(r)
		if !slices.Contains(way, r) && !ownPlace {
			out = append(out, g.grow(r, relation, way))
		}
	}
	if pod := podLike(o); pod != nil && (!standsBelow(o) || len(way) == 1) {
		for _, s := range g.s.OfKind("Service", o.GetNamespace()) {
			if svc, ok := s.(*corev1.Service); ok && len(svc.Spec.Selector) > 0 && labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(pod.Labels)) {
				add(SelectedBy, s)
			}
		}
		for _, h := range g.s.OfKind("HorizontalPodAutoscaler", o.GetNamespace()) {
			if hpa, ok := h.(*autoscalingv2.HorizontalPodAutoscaler); ok && hpa.Spec.ScaleTargetRef.Kind == self.Kind && hpa.Spec.ScaleTargetRef.Name == self.Name {
				add(ScaledBy, h)
			}
		}
		for _, b := range g.s.OfKind("PodDisruptionBudget", o.GetNamespace()) {
			if pdb, ok := b.(*policyv1.PodDisruptionBudget); ok && pdb.Spec.Selector != nil && selectsLabels(pdb.Spec.Selector, pod.Labels) {
				add(GuardedBy, b)
			}
		}
	}
	if self.Kind == "Service" {
		for _, k := range []snapshot.Kind{"Ingress", "HTTPRoute", "GRPCRoute"} {
			for _, r := range g.s.OfKind(k, o.GetNamespace()) {
				if slices.Contains(backendServices(r), self.Name) {
					add(RoutedBy, r)
				}
			}
		}
	}
	if slices.Contains(g.scope.Targets, self) && kindRank(self.Kind) >= 0 {
		for _, k := range users() {
			for _, u := range g.s.OfKind(k, o.GetNamespace()) {
				if !standsBelow(u) && slices.ContainsFunc(referred(u), func(r referral) bool { return r.to == self }) {
					add(UsedBy, u)
				}
			}
		}
	}
	return out
}

func selectsLabels(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}

// fold joins like siblings that differ in nothing but their names: the pods of a ReplicaSet that fare the same.
func fold(n TreeNode) TreeNode {
	var out []TreeNode
	for _, c := range n.Children {
		c = fold(c)
		at := slices.IndexFunc(out, func(x TreeNode) bool { return alike(x, c) })
		if at < 0 {
			out = append(out, c)
			continue
		}
		if out[at].Count == 1 {
			out[at].Members = []string{out[at].Object.Name}
		}
		out[at].Count += c.Count
		out[at].Members = append(out[at].Members, c.Object.Name)
	}
	n.Children = append([]TreeNode{}, out...)
	return n
}

func alike(x, y TreeNode) bool {
	return x.Relation == Controls && y.Relation == Controls && x.Object.Kind == y.Object.Kind && !x.Target && !y.Target &&
		x.Object.Namespace == y.Object.Namespace && stem(x.Object.Name) == stem(y.Object.Name) &&
		x.Health == y.Health && strings.EqualFold(x.Status, y.Status) &&
		len(x.Causes)+len(y.Causes)+len(x.Children)+len(y.Children) == 0
}
