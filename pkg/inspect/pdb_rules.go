package inspect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const pdbKind snapshot.Kind = "PodDisruptionBudget"

// pdbRules find budgets that stop every drain, or protect nothing.
func pdbRules() []rule.Rule {
	return []rule.Rule{
		{ID: "pdb/blocks-all", Reads: []snapshot.Kind{pdbKind}, Check: checkBlocksAll},
		{ID: "pdb/matches-nothing", Reads: []snapshot.Kind{pdbKind, "Pod", "ReplicaSet"}, Needs: pdbNeeds, Check: checkMatchesNothing},
		{ID: "pdb/overlap", Reads: []snapshot.Kind{pdbKind, "Pod"}, Needs: pdbNeeds, Check: checkOverlap},
	}
}

func pdbNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, pdb := range rule.Members[*policyv1.PodDisruptionBudget](s, sc) {
		n.Objects = append(n.Objects, snapshot.Need{Kind: pdbKind, Namespace: pdb.Namespace}, snapshot.Need{Kind: "Pod", Namespace: pdb.Namespace})
	}
	return n
}

func pdbFinding(pdb *policyv1.PodDisruptionBudget, args map[string]any) finding.Finding {
	all := map[string]any{"name": pdb.Name, "namespace": pdb.Namespace, "selector": pdbSelector(pdb).String(), "budget": budgetOf(pdb)}
	for k, v := range args {
		all[k] = v
	}
	return finding.Finding{Object: rule.RefTo(pdb), Args: all}
}

// pdbSelector: an empty selector selects every pod of the namespace, none selects nothing (policy/v1).
func pdbSelector(pdb *policyv1.PodDisruptionBudget) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

func budgetOf(pdb *policyv1.PodDisruptionBudget) string {
	switch {
	case pdb.Spec.MinAvailable != nil:
		return "minAvailable " + pdb.Spec.MinAvailable.String()
	case pdb.Spec.MaxUnavailable != nil:
		return "maxUnavailable " + pdb.Spec.MaxUnavailable.String()
	}
	return "(none)"
}

// checkBlocksAll: the budget forbids every eviction even when all pods are well.
func checkBlocksAll(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pdb := range rule.Members[*policyv1.PodDisruptionBudget](s, sc) {
		st := pdb.Status
		if st.ObservedGeneration < pdb.Generation || pdb.DeletionTimestamp != nil {
			continue
		}
		if c := pdbSyncFailed(pdb); c != nil {
			f := pdbFinding(pdb, map[string]any{"said": c.Message, "pods": int(st.ExpectedPods), "desired": int(st.DesiredHealthy)})
			f.Evidence = append(f.Evidence, seen(pdb, "status.conditions[DisruptionAllowed]", words(c.Reason, c.Message)))
			out = append(out, f)
			continue
		}
		if st.ExpectedPods == 0 || st.DisruptionsAllowed > 0 || st.DesiredHealthy < st.ExpectedPods {
			continue
		}
		f := pdbFinding(pdb, map[string]any{"said": "", "pods": int(st.ExpectedPods), "desired": int(st.DesiredHealthy)})
		f.Evidence = append(f.Evidence, seen(pdb, "spec", budgetOf(pdb)),
			seen(pdb, "status", fmt.Sprintf("expectedPods %d, desiredHealthy %d, disruptionsAllowed %d", st.ExpectedPods, st.DesiredHealthy, st.DisruptionsAllowed)))
		out = append(out, f)
	}
	return out
}

func pdbSyncFailed(pdb *policyv1.PodDisruptionBudget) *metav1.Condition {
	for i, c := range pdb.Status.Conditions {
		if c.Type == policyv1.DisruptionAllowedCondition && c.Status == metav1.ConditionFalse && c.Reason == policyv1.SyncFailedReason {
			return &pdb.Status.Conditions[i]
		}
	}
	return nil
}

// checkMatchesNothing: no pod has the labels, in a complete list.
func checkMatchesNothing(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pdb := range rule.Members[*policyv1.PodDisruptionBudget](s, sc) {
		pods, a := snapshot.List[*corev1.Pod](s, pdb.Namespace, nil)
		selector := pdbSelector(pdb)
		if a.State != snapshot.Present || selector.Empty() || pdb.DeletionTimestamp != nil || len(pods) == 0 || anyMatches(selector, pods) {
			continue
		}
		f := pdbFinding(pdb, map[string]any{"nearest": "", "differs": nearMiss{}.differs()})
		if pdb.Spec.Selector != nil {
			if near, ok := nearestPods(s, pdb.Spec.Selector.MatchLabels, pods); ok {
				f.Args["nearest"], f.Args["differs"] = near.ref.String(), near.differs()
				f.Evidence = append(f.Evidence, finding.Evidence{Object: near.ref.String(), Path: "labels of its pods", Value: labels.FormatLabels(near.labels)})
			}
		}
		f.Evidence = append(f.Evidence, seen(pdb, "spec.selector", selector.String()))
		out = append(out, f)
	}
	return out
}

func anyMatches(selector labels.Selector, pods []*corev1.Pod) bool {
	for _, pod := range pods {
		if selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}

// nearestPods is the workload whose pods the labels miss by least.
func nearestPods(s *snapshot.Snapshot, selector map[string]string, pods []*corev1.Pod) (nearMiss, bool) {
	var best nearMiss
	found := false
	for _, pod := range pods {
		n := compareLabels(rule.TemplateOwner(s, pod), selector, pod.Labels)
		if (n.same > 0 || n.near()) && (!found || n.same > best.same) {
			best, found = n, true
		}
	}
	return best, found
}

// checkOverlap: the eviction API refuses a pod that two budgets select
// (registry/core/pod/storage/eviction.go). Each set of budgets that share pods is told once.
func checkOverlap(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	told := map[string]bool{}
	for _, pdb := range rule.Members[*policyv1.PodDisruptionBudget](s, sc) {
		all, _ := snapshot.List[*policyv1.PodDisruptionBudget](s, pdb.Namespace, nil)
		pods, _ := snapshot.List[*corev1.Pod](s, pdb.Namespace, pdbSelector(pdb))
		for _, pod := range pods {
			over := slices.DeleteFunc(slices.Clone(all), func(b *policyv1.PodDisruptionBudget) bool {
				return !pdbSelector(b).Matches(labels.Set(pod.Labels))
			})
			var names []string
			for _, b := range over {
				names = append(names, b.Name)
			}
			set := pdb.Namespace + "/" + strings.Join(names, ",")
			if len(over) < 2 || told[set] {
				continue
			}
			told[set] = true
			out = append(out, overlapFinding(sc, pdb, over, names, pod))
		}
	}
	return out
}

func overlapFinding(sc *rule.Scope, pdb *policyv1.PodDisruptionBudget, over []*policyv1.PodDisruptionBudget, names []string, pod *corev1.Pod) finding.Finding {
	f := pdbFinding(pdb, map[string]any{"names": strings.Join(names, ", "), "pod": pod.Name})
	for _, b := range over {
		f.Evidence = append(f.Evidence, seen(b, "spec.selector", pdbSelector(b).String()))
		if ref := rule.RefTo(b); b.Name != pdb.Name && sc.Has(ref) {
			f.Also = append(f.Also, ref)
		}
	}
	f.Count = 1 + len(f.Also)
	f.Evidence = append(f.Evidence, seen(pod, "metadata.labels", labels.FormatLabels(pod.Labels)))
	return f
}
