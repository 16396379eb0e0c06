package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// nodeRules read what a node says of itself, and what is said of one that is silent.
func nodeRules() []rule.Rule {
	out := []rule.Rule{
		{ID: "node/not-ready", Reads: []snapshot.Kind{"Node", "Pod"}, Needs: lostNodeNeeds, Check: checkNotReady},
		{ID: "node/cordoned", Reads: []snapshot.Kind{"Node"}, Check: checkCordoned},
		{ID: "node/version-skew", Reads: []snapshot.Kind{"Node", "DaemonSet", snapshot.ServerVersionKind}, Needs: skewNeeds, Check: checkSkew},
	}
	for _, c := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		id := "node/" + strings.ToLower(strings.TrimSuffix(string(c), "Pressure")) + "-pressure"
		out = append(out, rule.Rule{ID: id, Reads: []snapshot.Kind{"Node"}, Check: checkPressure(c)})
	}
	return out
}

func nodeCondition(node *corev1.Node, t corev1.NodeConditionType) *corev1.NodeCondition {
	if node == nil {
		return nil
	}
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == t {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// checkNotReady: of the nodes asked about, and of those whose pods suffer.
func checkNotReady(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	add := func(node *corev1.Node, pod *corev1.Pod) {
		c := nodeCondition(node, corev1.NodeReady)
		if c == nil || c.Status == corev1.ConditionTrue {
			return
		}
		f := finding.Finding{Object: rule.RefTo(node), Args: map[string]any{
			"node": node.Name, "silent": c.Status == corev1.ConditionUnknown, "said": c.Message, "reason": c.Reason,
			"network": strings.Contains(strings.ToLower(c.Message), "network"),
		}}
		if pod != nil {
			f.At, f.Via = rule.RefTo(pod), []finding.Ref{rule.RefTo(node)}
		}
		f.Evidence = append(f.Evidence, seen(node, "status.conditions[Ready]", string(c.Status)+" "+words(c.Reason, c.Message)))
		out = append(out, f)
	}
	for _, node := range rule.Members[*corev1.Node](s, sc) {
		add(node, nil)
	}
	for _, pod := range suspects(s, sc) {
		if node, a := snapshot.Get[*corev1.Node](s, "", pod.Spec.NodeName); a.State == snapshot.Present {
			add(node, pod)
		}
	}
	return out
}

// checkPressure: the kubelet says that it runs short, taints the node and begins to evict.
func checkPressure(condition corev1.NodeConditionType) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, node := range rule.Members[*corev1.Node](s, sc) {
			c := nodeCondition(node, condition)
			if c == nil || c.Status != corev1.ConditionTrue {
				continue
			}
			out = append(out, finding.Finding{
				Object: rule.RefTo(node), Args: map[string]any{"node": node.Name},
				Evidence: []finding.Evidence{seen(node, "status.conditions["+string(condition)+"]", words(c.Reason, c.Message))},
			})
		}
		return out
	}
}

// checkCordoned is a note: cordoning is something that somebody did.
func checkCordoned(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, node := range rule.Members[*corev1.Node](s, sc) {
		if node.Spec.Unschedulable {
			out = append(out, finding.Finding{
				Object: rule.RefTo(node), Args: map[string]any{"node": node.Name},
				Evidence: []finding.Evidence{seen(node, "spec.unschedulable", "true")},
			})
		}
	}
	return out
}
