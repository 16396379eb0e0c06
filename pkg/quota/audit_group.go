package quota

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// partOfLabel is one of the labels that Kubernetes recommends.
const partOfLabel = "app.kubernetes.io/part-of"

// GroupUse is what the pods of a group ask for and use, over all namespaces of
// the report.
type GroupUse struct {
	// Name is empty for the pods that belong to no group: without a node, a label, a class.
	Name     string   `json:"name"`
	Pods     int      `json:"pods"`
	Requests []Amount `json:"requests"`
	Limits   []Amount `json:"limits"`
	Usage    []Amount `json:"usage"`
	// Allocatable is what the nodes offer (node, zone), pods among it. Pods of
	// namespaces outside the report take of it as well.
	Allocatable []Amount `json:"allocatable"`
}

// groups adds up the pods by the view's grouping; empty where it has none.
// Nodes and zones are listed even where no pod is on them.
func groups(s *snapshot.Snapshot, uses []workUse, v View) []GroupUse {
	out := []GroupUse{}
	if !v.By.Grouped() {
		return out
	}
	nodes, _ := snapshot.List[*corev1.Node](s, "", nil)
	zones, offered := map[string]string{}, map[string]corev1.ResourceList{}
	tallies := map[string]*tally{}
	for _, n := range nodes {
		zones[n.Name] = n.Labels[corev1.LabelTopologyZone]
		name := map[Grouping]string{ByNode: n.Name, ByZone: zones[n.Name]}[v.By]
		if v.By != ByNode && v.By != ByZone {
			continue
		}
		if tallies[name] == nil {
			tallies[name], offered[name] = newTally(), corev1.ResourceList{}
		}
		addTo(offered[name], n.Status.Allocatable)
	}
	for _, u := range uses {
		for _, pod := range u.pods {
			name := v.groupOf(pod, u, zones)
			if tallies[name] == nil {
				tallies[name] = newTally()
			}
			tallies[name].add(s, pod, v.Counted())
		}
	}
	for name, t := range tallies {
		out = append(out, GroupUse{Name: name, Pods: t.pods, Requests: amounts(t.requests), Limits: amounts(t.limits), Usage: sampled(t.usage), Allocatable: amounts(offered[name])})
	}
	slices.SortFunc(out, func(a, b GroupUse) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// groupOf is the group of a pod. A label that the pod does not carry is looked
// for on its workload.
func (v View) groupOf(pod *corev1.Pod, u workUse, zones map[string]string) string {
	labelled := func(key string) string {
		if value, ok := pod.Labels[key]; ok || u.work.Object == nil {
			return value
		}
		return u.work.Object.GetLabels()[key]
	}
	switch v.By {
	case ByNode:
		return pod.Spec.NodeName
	case ByZone:
		return zones[pod.Spec.NodeName]
	case ByPriority:
		return pod.Spec.PriorityClassName
	case ByPartOf:
		return labelled(partOfLabel)
	case ByLabel:
		return labelled(v.Label)
	case ByNamespace, ByWorkload, ByContainer:
	}
	return ""
}
