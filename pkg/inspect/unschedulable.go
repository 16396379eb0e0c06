package inspect

import (
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// The rules about pods that no node takes.
const (
	ruleResources = "pod/unschedulable-resources"
	ruleTaint     = "pod/unschedulable-taint"
	ruleSelector  = "pod/unschedulable-selector"
	ruleAffinity  = "pod/unschedulable-affinity"
	ruleSpread    = "pod/unschedulable-spread"
	rulePorts     = "pod/unschedulable-ports"
	ruleVolume    = "pod/unschedulable-volume"
	ruleNoNodes   = "pod/no-nodes"
	ruleGated     = "pod/scheduling-gated"
)

// unschedulableRules find out why a pod has no node. They share one
// diagnosis, because one pod has one root cause and because indexing the
// cluster is the dear part; each rule then reports its own share.
func unschedulableRules() []rule.Rule {
	d := &placementDiagnosis{}
	var out []rule.Rule
	for _, id := range []string{
		ruleResources, ruleTaint, ruleSelector, ruleAffinity, ruleSpread, rulePorts, ruleVolume, ruleNoNodes, ruleGated,
	} {
		r := rule.Rule{ID: id, Check: d.checkFor(id)}
		r.Reads = []snapshot.Kind{"Pod", "Node", "PersistentVolumeClaim", "PersistentVolume", "Namespace", "ReplicaSet"}
		r.Needs = placementNeeds
		out = append(out, r)
	}
	return out
}

// placementDiagnosis keeps the findings of the snapshot and scope that it was last
// asked about. A snapshot is complete before it is checked, so that the number
// of its reads tells it from what it was while it was being filled.
type placementDiagnosis struct {
	mu       sync.Mutex
	snapshot *snapshot.Snapshot
	scope    *rule.Scope
	reads    int
	found    []finding.Finding
}

func (d *placementDiagnosis) checkFor(id string) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.snapshot != s || d.scope != sc || d.reads != len(s.Readings()) {
			d.snapshot, d.scope, d.reads = s, sc, len(s.Readings())
			d.found = diagnosePlacement(s, sc)
		}
		var out []finding.Finding
		for _, f := range d.found {
			if f.Rule == id {
				out = append(out, f)
			}
		}
		return out
	}
}

// placementNeeds wants nodes and pods only where a pod has no node, and
// volumes and namespaces only where such a pod's constraints hang on them.
func placementNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	add := func(need snapshot.Need) { n.Objects = append(n.Objects, need) }
	for _, pod := range unplacedPods(s, sc) {
		if gatesOf(pod) != nil {
			continue
		}
		if fit.UsesClaims(pod) && beforeNodes(s, pod) {
			add(snapshot.Need{Kind: claimKind, Namespace: pod.Namespace})
			continue
		}
		add(snapshot.Need{Kind: "Node"})
		add(rule.UnfinishedPods())
		if fit.UsesClaims(pod) {
			add(snapshot.Need{Kind: claimKind, Namespace: pod.Namespace})
			add(snapshot.Need{Kind: "PersistentVolume"})
		}
		if fit.SelectsNamespaces(pod) {
			add(snapshot.Need{Kind: "Namespace"})
		}
	}
	if !n.Empty() && anySelectsNamespaces(s) {
		add(snapshot.Need{Kind: "Namespace"})
	}
	return n
}

// beforeNodes says that the scheduler rejects the pod for its claims alone,
// whatever nodes there are (volumebinding, PreFilter), and that the claims can be read.
func beforeNodes(s *snapshot.Snapshot, pod *corev1.Pod) bool {
	m := placementCondition(pod).Message
	if !strings.Contains(m, "persistentvolumeclaim \"") && !strings.Contains(m, "unbound immediate PersistentVolumeClaims") {
		return false
	}
	a := s.Covered(claimKind, pod.Namespace, "")
	return a.State == snapshot.Present || a.NotRead()
}

// anySelectsNamespaces: the anti-affinity of a pod that is there already may
// pick its namespaces by label.
func anySelectsNamespaces(s *snapshot.Snapshot) bool {
	for _, o := range s.OfKind("Pod", "") {
		if pod, ok := o.(*corev1.Pod); ok && pod.Spec.NodeName != "" && fit.SelectsNamespaces(pod) {
			return true
		}
	}
	return false
}

// unplacedPods are the scope's pods of which the scheduler has said that it
// found no node, or that it has not looked. Left out: a pod that is on its way
// out; one for which room is being made (nominatedNodeName), because it gets
// its place when the pods that were preempted are gone; one that no scheduler
// has answered for yet, because that answer comes within seconds.
func unplacedPods(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil || pod.Status.NominatedNodeName != "" {
			continue
		}
		c := placementCondition(pod)
		if c == nil || c.Status != corev1.ConditionFalse {
			continue
		}
		if c.Reason == corev1.PodReasonUnschedulable || c.Reason == corev1.PodReasonSchedulingGated {
			out = append(out, pod)
		}
	}
	return out
}

func placementCondition(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodScheduled {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// gatesOf names the gates that hold the pod back; nil where there are none (any more).
func gatesOf(pod *corev1.Pod) []string {
	var out []string
	for _, g := range pod.Spec.SchedulingGates {
		out = append(out, g.Name)
	}
	return out
}

// diagnosePlacement finds the one root cause for each pod without a node.
func diagnosePlacement(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	var cluster *fit.Cluster
	var why error
	for _, pod := range unplacedPods(s, sc) {
		p := unplaced{s: s, pod: pod, condition: placementCondition(pod)}
		if gatesOf(pod) != nil {
			out = append(out, p.gated())
			continue
		}
		if p.condition.Reason != corev1.PodReasonUnschedulable {
			continue // the gates are gone; the scheduler has not looked yet
		}
		if cluster == nil && why == nil {
			var view rule.SchedulerView
			if view, why = rule.SchedulerViewOf(s); why == nil {
				cluster = view.Cluster()
			}
		}
		if why != nil {
			for _, f := range p.byMessage(finding.Likely, "") {
				f.Args["unread"] = true
				out = append(out, f)
			}
			continue
		}
		out = append(out, p.byArithmetic(cluster)...)
	}
	return out
}
