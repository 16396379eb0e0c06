package inspect

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// holding is a StatefulSet that works on its pods one after the other, and the
// first of them that is not ready (stateful_set_control.go, processReplica).
type holding struct {
	sts *appsv1.StatefulSet
	pod *corev1.Pod
	// there counts the pods that exist, old those of another revision than the newest.
	there, old int
}

func holdings(s *snapshot.Snapshot, sc *rule.Scope) []holding {
	var out []holding
	for _, sts := range rule.Members[*appsv1.StatefulSet](s, sc) {
		if sts.Spec.PodManagementPolicy == appsv1.ParallelPodManagement || sts.DeletionTimestamp != nil || sts.Status.ObservedGeneration < sts.Generation {
			continue
		}
		h := holding{sts: sts}
		first := -1
		for _, pod := range rule.Members[*corev1.Pod](s, sc) {
			owner := metav1.GetControllerOfNoCopy(pod)
			if owner == nil || owner.UID != sts.UID {
				continue
			}
			h.there++
			if revisionOf(pod) != sts.Status.UpdateRevision {
				h.old++
			}
			at := ordinalOf(pod)
			if readyPods([]*corev1.Pod{pod}) == 0 && at >= 0 && (first < 0 || at < first) {
				first, h.pod = at, pod
			}
		}
		if h.pod != nil && h.pod.DeletionTimestamp == nil && s.TakenAt.Sub(h.pod.CreationTimestamp.Time) > freshPods {
			out = append(out, h)
		}
	}
	return out
}

func revisionOf(pod *corev1.Pod) string { return pod.Labels[appsv1.ControllerRevisionHashLabelKey] }

func ordinalOf(pod *corev1.Pod) int {
	n, err := strconv.Atoi(pod.Name[strings.LastIndex(pod.Name, "-")+1:])
	if err != nil {
		return -1
	}
	return n
}

func (h holding) finding(args map[string]any) finding.Finding {
	all := map[string]any{"name": h.sts.Name, "namespace": h.sts.Namespace, "pod": h.pod.Name}
	for k, v := range args {
		all[k] = v
	}
	return finding.Finding{Object: rule.RefTo(h.sts), Args: all, Evidence: []finding.Evidence{
		seen(h.sts, "spec.podManagementPolicy", string(appsv1.OrderedReadyPodManagement)),
		seen(h.pod, "status.conditions[Ready]", "False"),
	}}
}

// checkOrdinals: pods that are still to be made, or to be updated, wait for one that is not ready.
func checkOrdinals(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, h := range holdings(s, sc) {
		missing := replicasOf(h.sts.Spec.Replicas) - h.there
		if missing <= 0 && h.old == 0 {
			continue
		}
		out = append(out, h.finding(map[string]any{"missing": max(missing, 0), "old": h.old}))
	}
	return out
}

// checkStuckRevision: the pod that is not ready is of an older revision. The
// controller waits for it before it updates any, so that a mended template
// never reaches it: somebody has to delete it (the StatefulSet concept page, "Forced rollback").
func checkStuckRevision(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, h := range holdings(s, sc) {
		update := h.sts.Status.UpdateRevision
		if update == "" || revisionOf(h.pod) == "" || revisionOf(h.pod) == update || h.sts.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			continue
		}
		if u := h.sts.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil && ordinalOf(h.pod) < int(*u.Partition) {
			continue
		}
		f := h.finding(map[string]any{"has": revisionOf(h.pod), "wants": update})
		f.At = rule.RefTo(h.pod)
		f.Evidence = append(f.Evidence, seen(h.sts, "status.updateRevision", update), seen(h.pod, "metadata.labels["+appsv1.ControllerRevisionHashLabelKey+"]", revisionOf(h.pod)))
		out = append(out, f)
	}
	return out
}
