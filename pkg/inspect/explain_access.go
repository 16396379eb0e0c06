package inspect

import (
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// binding gives a role's rights to subjects, of whichever kind it is.
type binding struct {
	ref      finding.Ref
	role     finding.Ref
	subjects []finding.Ref
}

// bindings lists every binding that was read.
func bindings(s *snapshot.Snapshot) []binding {
	var out []binding
	for _, kind := range []snapshot.Kind{"RoleBinding", "ClusterRoleBinding"} {
		for _, o := range s.OfKind(kind, "") {
			out = append(out, bindingOf(o))
		}
	}
	return out
}

func bindingOf(o snapshot.Object) binding {
	var role rbacv1.RoleRef
	var subjects []rbacv1.Subject
	switch v := o.(type) {
	case *rbacv1.RoleBinding:
		role, subjects = v.RoleRef, v.Subjects
	case *rbacv1.ClusterRoleBinding:
		role, subjects = v.RoleRef, v.Subjects
	}
	b := binding{ref: finding.Ref{Kind: string(snapshot.KindOf(o)), Namespace: o.GetNamespace(), Name: o.GetName()}}
	b.role = finding.Ref{Kind: role.Kind, Name: role.Name}
	if role.Kind == "Role" {
		b.role.Namespace = o.GetNamespace()
	}
	for _, s := range subjects {
		b.subjects = append(b.subjects, finding.Ref{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name})
	}
	return b
}

func (e explainer) tellAccess(o snapshot.Object) (told, bool) {
	switch v := o.(type) {
	case *rbacv1.Role:
		return e.role(o, v.Rules, nil), true
	case *rbacv1.ClusterRole:
		return e.role(o, v.Rules, v.AggregationRule), true
	case *rbacv1.RoleBinding, *rbacv1.ClusterRoleBinding:
		return e.binding(bindingOf(o)), true
	}
	return told{}, false
}

func (e explainer) role(o snapshot.Object, rules []rbacv1.PolicyRule, aggregated *rbacv1.AggregationRule) told {
	t := told{
		summary: e.text("role", map[string]any{"namespace": o.GetNamespace(), "aggregated": aggregated != nil}),
		health:  Healthy,
	}
	for _, r := range rules {
		t.rows = append(t.rows, named(strings.Join(r.Verbs, ", "), ruleObjects(r), strings.Join(r.ResourceNames, ", "), nil))
	}
	self := finding.Ref{Kind: string(snapshot.KindOf(o)), Namespace: o.GetNamespace(), Name: o.GetName()}
	n := 0
	for _, b := range bindings(e.s) {
		if b.role == self {
			n++
			t.points(UsedBy, b.ref.Kind, b.ref.Namespace, b.ref.Name)
			for _, s := range b.subjects {
				t.points(UsedBy, s.Kind, s.Namespace, s.Name)
			}
		}
	}
	t.status = e.text("role-status", map[string]any{"rules": len(rules), "n": n})
	return t
}

// ruleObjects is what a rule is about: resources with their groups, or paths.
func ruleObjects(r rbacv1.PolicyRule) string {
	if len(r.NonResourceURLs) > 0 {
		return strings.Join(r.NonResourceURLs, ", ")
	}
	text := strings.Join(r.Resources, ", ")
	var groups []string
	for _, g := range r.APIGroups {
		if g != "" {
			groups = append(groups, g)
		}
	}
	if len(groups) > 0 {
		text += " (" + strings.Join(groups, ", ") + ")"
	}
	return text
}

func (e explainer) binding(b binding) told {
	t := told{
		summary: e.text("binding", map[string]any{"role": b.role.Kind + " " + b.role.Name, "namespace": b.ref.Namespace}),
		health:  Healthy, status: e.text("binding-status", map[string]any{"n": len(b.subjects)}),
	}
	t.points(RefersTo, b.role.Kind, b.role.Namespace, b.role.Name)
	for i, s := range b.subjects {
		if s.Kind == "ServiceAccount" {
			t.points(RefersTo, s.Kind, s.Namespace, s.Name)
			continue
		}
		t.rows = append(t.rows, named(e.text("what-subject", map[string]any{"n": strconv.Itoa(i + 1)}), s.Kind+" "+s.Name, "", nil))
	}
	role, a := e.s.Find(snapshot.Kind(b.role.Kind), b.role.Namespace, b.role.Name)
	if a.State == snapshot.Absent {
		t.health, t.status = Unwell, e.text("no-role", map[string]any{"role": b.role.Kind + " " + b.role.Name})
	}
	var rules []rbacv1.PolicyRule
	switch v := role.(type) {
	case *rbacv1.Role:
		rules = v.Rules
	case *rbacv1.ClusterRole:
		rules = v.Rules
	}
	for _, r := range rules {
		t.rows = append(t.rows, named(strings.Join(r.Verbs, ", "), ruleObjects(r), strings.Join(r.ResourceNames, ", "), nil))
	}
	return t
}
