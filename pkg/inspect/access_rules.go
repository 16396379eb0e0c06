package inspect

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// accessRules find bindings that give nothing.
func accessRules() []rule.Rule {
	return []rule.Rule{{
		ID: "config/role-missing", Reads: []snapshot.Kind{"RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole"}, Needs: roleNeeds, Check: checkRoles,
	}}
}

func bindingsOf(s *snapshot.Snapshot, sc *rule.Scope) []binding {
	var out []binding
	for m := range sc.Members() {
		if m.Kind != "RoleBinding" && m.Kind != "ClusterRoleBinding" {
			continue
		}
		if o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name); a.State == snapshot.Present && o.GetDeletionTimestamp() == nil {
			out = append(out, bindingOf(o))
		}
	}
	return out
}

func roleNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, b := range bindingsOf(s, sc) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: snapshot.Kind(b.role.Kind), Namespace: b.role.Namespace, Name: b.role.Name})
	}
	return n
}

// checkRoles: the API server takes a binding to a role that is not there, and
// its authorizer gives nothing for it (rbac/validation/rule.go, VisitRulesFor).
func checkRoles(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, b := range bindingsOf(s, sc) {
		if _, a := s.Find(snapshot.Kind(b.role.Kind), b.role.Namespace, b.role.Name); a.State != snapshot.Absent {
			continue
		}
		var names []string
		for _, o := range s.OfKind(snapshot.Kind(b.role.Kind), b.role.Namespace) {
			names = append(names, o.GetName())
		}
		f := finding.Finding{Object: b.ref, Via: []finding.Ref{b.role}, Args: map[string]any{
			"binding": b.ref.Kind, "name": b.ref.Name, "namespace": b.ref.Namespace, "roleKind": b.role.Kind, "role": b.role.Name, "nearest": nearestName(b.role.Name, names),
		}}
		f.Evidence = []finding.Evidence{
			{Object: b.ref.String(), Path: "roleRef", Value: b.role.String()}, {Object: b.role.String(), Path: "metadata.name", Value: "not found"},
		}
		out = append(out, f)
	}
	return out
}
