package fit

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// cordon: a pod that tolerates the unschedulable taint may go onto a cordoned
// node (nodeunschedulable/node_unschedulable.go).
func (j *judge) cordon(h *host) []Refusal {
	taint := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	if !h.node.Spec.Unschedulable || j.tolerates(taint) {
		return nil
	}
	return []Refusal{{Reason: Cordoned}}
}

func (j *judge) nodeName(h *host) []Refusal {
	if j.pod.Spec.NodeName == "" || j.pod.Spec.NodeName == h.node.Name {
		return nil
	}
	return []Refusal{{Reason: OtherNode, NodeName: j.pod.Spec.NodeName}}
}

// taints refuses for every taint that is not tolerated; PreferNoSchedule only
// lowers a node's score. The unschedulable taint repeats what the cordon says.
func (j *judge) taints(h *host) []Refusal {
	var out []Refusal
	for i := range h.node.Spec.Taints {
		t := h.node.Spec.Taints[i]
		if t.Effect != corev1.TaintEffectNoSchedule && t.Effect != corev1.TaintEffectNoExecute || j.tolerates(t) {
			continue
		}
		if t.Key == corev1.TaintNodeUnschedulable && h.node.Spec.Unschedulable {
			continue
		}
		out = append(out, Refusal{Reason: Tainted, Taint: &t})
	}
	return out
}

// tolerates allows the comparison operators Lt and Gt (KEP-5471): the API
// server only lets them in where they are enabled.
func (j *judge) tolerates(t corev1.Taint) bool {
	return helper.TolerationsTolerateTaint(klog.Logger{}, j.pod.Spec.Tolerations, &t, true)
}

// nodeSelection is nodeSelector and required node affinity together.
func (j *judge) nodeSelection() filter {
	spec := &j.pod.Spec
	var required *corev1.NodeSelector
	if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
		required = spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	if len(spec.NodeSelector) == 0 && required == nil {
		return func(*host) []Refusal { return nil }
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(j.pod)
	demands := compileDemands(spec.NodeSelector, required)
	return func(h *host) []Refusal {
		// A term that does not parse matches nothing (nodeaffinity/node_affinity.go, Filter).
		if match, _ := affinity.Match(h.node); match {
			return nil
		}
		return []Refusal{{Reason: NotSelected, Missing: demands.missing(h.node)}}
	}
}

// demands are the node selection taken apart, to say which part fails.
type demands struct {
	// all must hold; of the alternatives (affinity terms), one.
	all          []demand
	alternatives [][]demand
	restricted   bool
}

type demand struct {
	req   Requirement
	holds *nodeaffinity.LazyErrorNodeSelector
}

func compileDemands(selector map[string]string, required *corev1.NodeSelector) demands {
	var d demands
	for _, key := range sortedKeys(selector) {
		expr := corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{selector[key]}}
		d.all = append(d.all, newDemand(expr, false))
	}
	if required == nil {
		return d
	}
	d.restricted = true
	for _, term := range required.NodeSelectorTerms {
		var one []demand
		for _, e := range term.MatchExpressions {
			one = append(one, newDemand(e, false))
		}
		for _, f := range term.MatchFields {
			one = append(one, newDemand(f, true))
		}
		if len(one) > 0 { // an empty term matches no node
			d.alternatives = append(d.alternatives, one)
		}
	}
	return d
}

func newDemand(e corev1.NodeSelectorRequirement, field bool) demand {
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{e}}
	if field {
		term = corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{e}}
	}
	d := demand{
		req:   Requirement{Key: e.Key, Text: requirementText(e)},
		holds: nodeaffinity.NewLazyErrorNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}),
	}
	if e.Operator == corev1.NodeSelectorOpIn && len(e.Values) > 0 && !field {
		d.req.Want = e.Values[0]
	}
	return d
}

// missing lists what the node fails: of the alternatives, that of which it fails least.
func (d demands) missing(n *corev1.Node) []Requirement {
	out := failing(d.all, n)
	if !d.restricted {
		return out
	}
	var best []Requirement
	for i, one := range d.alternatives {
		failed := failing(one, n)
		if i == 0 || len(failed) < len(best) {
			best = failed
		}
	}
	if len(d.alternatives) == 0 {
		best = []Requirement{{Text: "a node affinity without terms, which matches no node"}}
	}
	return append(out, best...)
}

func failing(all []demand, n *corev1.Node) []Requirement {
	var out []Requirement
	for _, d := range all {
		if ok, _ := d.holds.Match(n); ok {
			continue
		}
		r := d.req
		value, has := n.Labels[r.Key]
		if r.Key == "metadata.name" {
			value, has = n.Name, true
		}
		r.Has, r.Lacks = value, !has
		out = append(out, r)
	}
	return out
}

func requirementText(e corev1.NodeSelectorRequirement) string {
	values := strings.Join(e.Values, ",")
	switch e.Operator {
	case corev1.NodeSelectorOpIn:
		if len(e.Values) == 1 {
			return e.Key + "=" + values
		}
		return fmt.Sprintf("%s in (%s)", e.Key, values)
	case corev1.NodeSelectorOpNotIn:
		if len(e.Values) == 1 {
			return e.Key + "!=" + values
		}
		return fmt.Sprintf("%s not in (%s)", e.Key, values)
	case corev1.NodeSelectorOpExists:
		return "label " + e.Key
	case corev1.NodeSelectorOpDoesNotExist:
		return "no label " + e.Key
	case corev1.NodeSelectorOpGt:
		return e.Key + ">" + values
	case corev1.NodeSelectorOpLt:
		return e.Key + "<" + values
	}
	return fmt.Sprintf("%s %s (%s)", e.Key, e.Operator, values)
}
