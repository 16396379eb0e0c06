package inspect

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const rulePolicyDenies = "network/policy-denies"

// policyRules find calls that are declared and that policies deny.
func policyRules() []rule.Rule {
	return []rule.Rule{{
		ID: rulePolicyDenies,
		Reads: []snapshot.Kind{
			networkPolicyKind, "Service", "Pod", "Namespace", "ConfigMap", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "CronJob", "Job",
		},
		Needs: policyNeeds, Check: checkPolicies,
	}}
}

// callersIn are the workloads of a scope whose templates name addresses.
func callersIn(s *snapshot.Snapshot, sc *rule.Scope) []snapshot.Object {
	var out []snapshot.Object
	for m := range sc.Members() {
		switch m.Kind {
		case "Deployment", "StatefulSet", "DaemonSet", "CronJob":
			if o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name); a.State == snapshot.Present && calls.Names(s, o) {
				out = append(out, o)
			}
		}
	}
	return out
}

// policyNeeds costs nothing where no address is named, one list where there are
// no policies, and at most three more where there are.
func policyNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	all := everywhere(sc)
	callers := callersIn(s, sc)
	for _, o := range callers {
		ns := listed(all, o.GetNamespace())
		n.Objects = append(n.Objects, snapshot.Need{Kind: networkPolicyKind, Namespace: ns})
		if len(s.OfKind(networkPolicyKind, o.GetNamespace())) == 0 {
			continue
		}
		n.Objects = append(n.Objects, snapshot.Need{Kind: "Service", Namespace: ns})
		if asksForNamespaces(s, o.GetNamespace()) {
			one := snapshot.Need{Kind: "Namespace", Name: o.GetNamespace()}
			if all {
				one.Name = ""
			}
			n.Objects = append(n.Objects, one)
		}
		if need, ok := calledPods(s, o); ok {
			need.Namespace = ns
			n.Objects = append(n.Objects, need)
		}
	}
	return n
}

// calledPods asks for the pods behind all Services that a workload calls, in one
// list: by a label that all of their selectors have, else by none.
func calledPods(s *snapshot.Snapshot, o snapshot.Object) (snapshot.Need, bool) {
	var selectors []map[string]string
	for _, c := range callsWithin(s, o) {
		if svc, a := snapshot.Get[*corev1.Service](s, c.Service.Namespace, c.Service.Name); a.State == snapshot.Present && len(svc.Spec.Selector) > 0 {
			selectors = append(selectors, svc.Spec.Selector)
		}
	}
	if len(selectors) == 0 {
		return snapshot.Need{}, false
	}
	need := snapshot.Need{Kind: "Pod"}
	for _, key := range sortedKeys(selectors[0]) {
		var values []string
		for _, set := range selectors {
			if v, ok := set[key]; ok && !slices.Contains(values, v) {
				values = append(values, v)
			} else if !ok {
				values = nil
				break
			}
		}
		if len(values) > 0 {
			slices.Sort(values)
			need.Selector = key + " in (" + strings.Join(values, ",") + ")"
			break
		}
	}
	return need, true
}

// callsWithin are a workload's declared calls to Services of its own namespace.
// What lies in others would have to be read there too.
func callsWithin(s *snapshot.Snapshot, o snapshot.Object) []calls.Call {
	return slices.DeleteFunc(calls.Outgoing(s, o), func(c calls.Call) bool { return c.Service.Namespace != o.GetNamespace() })
}

// checkPolicies: a workload's own template names a Service, and no pod of the
// one may reach any pod of the other on the port. Silent where that is not
// certain by the API; whether it is enforced is for the text to leave open.
func checkPolicies(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	if s.Source == snapshot.FromManifests { // the cluster may hold a policy that allows it
		return nil
	}
	for _, o := range callersIn(s, sc) {
		from := rule.RefTo(o)
		listed := policiesIn(s, from)
		if len(listed.Policies) == 0 || !listed.Complete {
			continue
		}
		done := map[string]bool{}
		for _, c := range callsWithin(s, o) {
			port, ok := portCalled(s, c)
			k := c.Service.String() + port.String()
			if !ok || done[k] {
				continue
			}
			done[k] = true
			q := TrafficQuery{From: from, To: c.Service}
			for _, f := range refusedCall(s, q, port) {
				f.Args["declared"] = c.Basis.Value
				f.Evidence = append([]finding.Evidence{{Object: c.Basis.Object.String(), Path: c.Basis.Path, Value: c.Basis.Value}}, f.Evidence...)
				out = append(out, f)
			}
		}
	}
	return out
}

// refusedCall says who denies a call; nobody where it passes for any pair of
// pods, or where that is not known.
func refusedCall(s *snapshot.Snapshot, q TrafficQuery, port policy.Port) []finding.Finding {
	var out []finding.Finding
	from, to := endsOf(s, q.From), endsOf(s, q.To)
	if len(from) == 0 || len(to) == 0 {
		return nil
	}
	for _, p := range passages(s, q, []policy.Port{port}, from, to) {
		if p.Passes != policy.No {
			return nil
		}
		if len(out) == 0 {
			out = denied(q.From, q.To, p)
		}
	}
	return out
}

// portCalled is the pods' port that a call leads to; false where that is not known.
func portCalled(s *snapshot.Snapshot, c calls.Call) (policy.Port, bool) {
	svc, a := snapshot.Get[*corev1.Service](s, c.Service.Namespace, c.Service.Name)
	if a.State != snapshot.Present || len(svc.Spec.Selector) == 0 || svc.Spec.Type == corev1.ServiceTypeExternalName {
		return policy.Port{}, false
	}
	for _, p := range svc.Spec.Ports {
		if c.Port == strconv.Itoa(int(p.Port)) || c.Port == p.Name && p.Name != "" || c.Port == "" && len(svc.Spec.Ports) == 1 {
			return targetOf(p), true
		}
	}
	return policy.Port{}, false
}

// denied are the findings of one passage: one for each side that denies.
func denied(from, to finding.Ref, p Passage) []finding.Finding {
	var out []finding.Finding
	for _, side := range []struct {
		name, isolated string
		PassageSide
	}{{"egress", "Egress", p.Egress}, {"ingress", "Ingress", p.Ingress}} {
		if side.Passes != policy.No {
			continue
		}
		var others []string
		for _, one := range side.Policies[1:] {
			others = append(others, one.Policy.Name)
		}
		first := side.Policies[0].Policy
		f := finding.Finding{Object: first, At: from, Via: []finding.Ref{to, first}, Confidence: finding.Likely, Args: map[string]any{
			"policy": first.Name, "others": strings.Join(others, ", "), "namespace": first.Namespace, "side": side.name,
			"from": from.String(), "to": to.String(), "port": p.Port, "declared": "",
		}}
		for _, one := range side.Policies {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: one.Policy.String(), Path: "spec." + side.name, Value: "no rule for " + strings.TrimSpace(other(side.name, p).String()+" "+p.Port)})
		}
		out = append(out, f)
	}
	return out
}

// other is the peer that the rules of a side do not name.
func other(side string, p Passage) finding.Ref {
	if side == "egress" {
		return p.To
	}
	return p.From
}
