package inspect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// terminatingPatience is granted beyond the grace period, which is part of the
// deletionTimestamp already.
const terminatingPatience = 20 * time.Second

func overdue(s *snapshot.Snapshot, o snapshot.Object) bool {
	at := o.GetDeletionTimestamp()
	return at != nil && s.TakenAt.Sub(at.Time) > terminatingPatience
}

func terminatingNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if overdue(s, pod) {
			n.Add(eventNeeds(sc))
			n.Add(lostNodeNeeds(s, sc))
		}
	}
	return n
}

// checkTerminating: a pod should be gone and is not. Its containers first have
// to end, which is for its node to do; then its finalizers have to be removed,
// each by whoever put it there.
func checkTerminating(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if !overdue(s, pod) || pod.Spec.NodeName == "" && len(pod.Finalizers) == 0 {
			continue
		}
		running := runningContainers(pod)
		f := podFinding(s, pod, map[string]any{
			"finalizers": strings.Join(pod.Finalizers, ", "), "n": len(pod.Finalizers), "keeper": keeperOf(pod.Finalizers),
			"running": strings.Join(running, ", "), "name": pod.Name, "said": "",
			"held": len(pod.Finalizers) > 0 && len(running) == 0,
		})
		f.Object = rule.RefTo(pod)
		f.Evidence = append(f.Evidence, seen(pod, "metadata.deletionTimestamp", pod.DeletionTimestamp.UTC().Format(time.RFC3339)))
		if len(pod.Finalizers) > 0 {
			f.Evidence = append(f.Evidence, seen(pod, "metadata.finalizers", strings.Join(pod.Finalizers, ", ")))
		}
		if len(running) > 0 {
			f.Evidence = append(f.Evidence, seen(pod, "containers still running", strings.Join(running, ", ")))
		}
		events, _ := eventsAbout(s, pod)
		if at := slices.IndexFunc(events, func(e *corev1.Event) bool { return e.Reason == "FailedKillPod" }); at >= 0 {
			f.Args["said"] = firstLine(events[at].Message)
			f.Evidence = append(f.Evidence, eventEvidence(events[at]))
		}
		out = append(out, f)
	}
	return out
}

func runningContainers(pod *corev1.Pod) []string {
	var out []string
	for _, c := range containers(pod) {
		if c.status.State.Running != nil {
			out = append(out, c.spec.Name)
		}
	}
	return out
}

// keeperOf says who removes a well-known finalizer.
func keeperOf(finalizers []string) string {
	for _, f := range finalizers {
		switch {
		case f == "batch.kubernetes.io/job-tracking":
			return "Job controller (kube-controller-manager)"
		case f == "foregroundDeletion" || f == "orphan":
			return "garbage collector (kube-controller-manager)"
		case f == "kubernetes.io/pvc-protection":
			return "pvc-protection controller (kube-controller-manager)"
		case f == "kubernetes.io/pv-protection":
			return "pv-protection controller (kube-controller-manager)"
		case strings.HasPrefix(f, "external-attacher/"), strings.HasPrefix(f, "external-provisioner."):
			return "CSI sidecar (" + f + ")"
		case f == "service.kubernetes.io/load-balancer-cleanup":
			return "service controller (cloud-controller-manager)"
		case f == "resources-finalizer.argocd.argoproj.io":
			return "Argo CD"
		case f == "finalizers.fluxcd.io":
			return "Flux"
		}
	}
	return ""
}

// suspects are the pods whose node may be lost: kubelets keep a pod's own
// account of its containers and its readiness in step, so that where they
// differ the node controller has spoken (node_lifecycle_controller.go, MarkPodsNotReady).
func suspects(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		if overdue(s, pod) || pod.Status.Reason == "NodeLost" || disowned(pod) || neverTaken(s, pod) {
			out = append(out, pod)
		}
	}
	return out
}

func disowned(pod *corev1.Pod) bool {
	ready, own := podCondition(pod, corev1.PodReady), podCondition(pod, corev1.ContainersReady)
	return len(pod.Spec.ReadinessGates) == 0 && ready != nil && ready.Status == corev1.ConditionFalse && own != nil && own.Status == corev1.ConditionTrue
}

// neverTaken: the pod was given to a node whose kubelet has not said a word about it.
func neverTaken(s *snapshot.Snapshot, pod *corev1.Pod) bool {
	c := placementCondition(pod)
	if c == nil || c.Status != corev1.ConditionTrue || pod.Status.Phase != corev1.PodPending {
		return false
	}
	silent := pod.Status.StartTime == nil && len(pod.Status.ContainerStatuses) == 0
	return silent && s.TakenAt.Sub(c.LastTransitionTime.Time) > terminatingPatience
}

func lostNodeNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	names := map[string]bool{}
	var n snapshot.Needs
	for _, pod := range suspects(s, sc) {
		if !names[pod.Spec.NodeName] {
			names[pod.Spec.NodeName] = true
			n.Objects = append(n.Objects, snapshot.Need{Kind: "Node", Name: pod.Spec.NodeName})
		}
	}
	if len(n.Objects) > 2 {
		n.Objects = []snapshot.Need{{Kind: "Node"}}
	}
	return n
}

// checkNodeLost: the node that runs the pod is gone, or no longer answers.
func checkNodeLost(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range suspects(s, sc) {
		node, a := snapshot.Get[*corev1.Node](s, "", pod.Spec.NodeName)
		c := nodeCondition(node, corev1.NodeReady)
		gone := a.State == snapshot.Absent
		if a.State == snapshot.Present && (c == nil || c.Status == corev1.ConditionTrue) {
			continue
		}
		if a.State == snapshot.Unknown && !disowned(pod) && pod.Status.Reason != "NodeLost" {
			continue
		}
		f := podFinding(s, pod, map[string]any{"gone": gone, "name": pod.Name, "terminating": pod.DeletionTimestamp != nil})
		f.Via = []finding.Ref{{Kind: "Node", Name: pod.Spec.NodeName}}
		f.Object = f.Via[0]
		switch {
		case gone:
			f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: "metadata.name", Value: "not found"})
		case c != nil:
			f.Evidence = append(f.Evidence, seen(node, "status.conditions[Ready]", string(c.Status)+" "+words(c.Reason, c.Message)))
		default:
			f.Confidence = finding.Likely
		}
		if ready := podCondition(pod, corev1.PodReady); ready != nil {
			f.Evidence = append(f.Evidence, seen(pod, "status.conditions[Ready]", string(ready.Status)+" "+words(ready.Reason, ready.Message)))
		}
		out = append(out, f)
	}
	return out
}
