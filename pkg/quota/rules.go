package quota

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What rules look at: workloads, and what admission holds them against.
func readsWorks(more ...snapshot.Kind) []snapshot.Kind { return append(auditKinds(), more...) }

func readsAdmission(more ...snapshot.Kind) []snapshot.Kind {
	return readsWorks(append([]snapshot.Kind{"ResourceQuota", "LimitRange", "PriorityClass", "RuntimeClass", "StorageClass", "ResourceClaimTemplate", "DeviceClass", snapshot.ServerVersionKind}, more...)...)
}

// auditRules are all rules that an audit runs.
func auditRules(soft SoftLimits) []rule.Rule {
	v, m := &visits{}, &samples{}
	all := []rule.Rule{
		{ID: "quota/request-missing", Reads: readsAdmission(), Check: v.checkRequestMissing},
		{ID: "quota/limit-missing", Reads: readsAdmission(), Check: v.checkLimitMissing},
		{ID: "quota/pod-level-memory-missing", Reads: readsWorks(), Check: checkPodLevelMemory},
		{ID: "quota/guaranteed-broken", Reads: readsWorks(), Check: checkGuaranteedBroken},
		{ID: "quota/runtime-heap", Reads: readsAdmission(), Check: v.checkRuntimeHeap},
		{ID: "quota/too-big-for-any-node", Reads: readsAdmission("Node"), Check: v.checkTooBig},
		{ID: "quota/limitrange-conflict", Reads: []snapshot.Kind{"LimitRange"}, Check: checkRangeConflict},
		{ID: "quota/unlimited-namespace", Reads: readsWorks("ResourceQuota"), Check: checkUnlimited},
		{ID: "quota/used-drift", Reads: []snapshot.Kind{"ResourceQuota", "Pod", "PersistentVolumeClaim", "Service", "ResourceClaim", "DeviceClass", snapshot.ServerVersionKind}, Check: checkDrift},
		{ID: "quota/finished-pods-counted", Reads: []snapshot.Kind{"ResourceQuota", "Pod"}, Check: checkFinishedPods},
		{ID: "quota/resize-pending", Reads: []snapshot.Kind{"Pod", "ReplicaSet"}, Check: checkResizePending},
		{ID: "quota/under-requested", Reads: readsWorks("PodMetrics"), Check: m.checkUnderRequested},
		{ID: "quota/over-requested", Reads: readsWorks("PodMetrics"), Check: m.checkOverRequested},
	}
	for id, alarm := range map[string]func(QuotaUse) bool{"quota/at-hard": atHard, "quota/near-hard": nearHard, "quota/soft-exceeded": overSoft} {
		all = append(all, rule.Rule{ID: id, Reads: []snapshot.Kind{"ResourceQuota", "Namespace"}, Check: levelRule(soft, alarm)})
	}
	all = append(all, growthRules()...)
	for _, id := range refusalRules() {
		all = append(all, rule.Rule{ID: id, Reads: readsAdmission(), Check: v.refusalRule(id)})
	}
	slices.SortFunc(all, func(a, b rule.Rule) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

// refusalRules are those that tell why the next pod of a workload would be refused.
func refusalRules() []string {
	return []string{
		"quota/requires-key", "quota/not-counted", "quota/limitrange-violation", "quota/limitrange-hidden-default",
		"quota/limit-below-request", "quota/invalid-resources", "quota/class-missing",
	}
}

// refusalRule: the pods that run were let in; the quota, the LimitRange or the
// template has changed since, and the next one would not be.
func (v *visits) refusalRule(id string) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		v.inSpaces(s, sc, func(space *Space, w Work) {
			if w.Ref.Kind == "Pod" || w.Ref.Kind == "Job" {
				return // nothing makes it anew
			}
			tried := space.admissible(w)
			if tried.Admitted() {
				return
			}
			refused := verdict{of: w.Object, work: w, out: tried, space: space, before: space, pods: w.Pods}
			if f := refused.finding(); f.Rule == id {
				out = append(out, f)
			}
		})
		return out
	}
}
