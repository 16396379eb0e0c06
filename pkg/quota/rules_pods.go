package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkResizePending: a pod was asked to change its size in place, and the
// kubelet has put it off or will not do it (KEP-1287).
func checkResizePending(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, ns := range sc.Targets {
		for _, o := range s.OfKind("Pod", ns.Name) {
			pod, ok := o.(*corev1.Pod)
			if !ok || !charged(pod, s.TakenAt) {
				continue
			}
			for _, c := range pod.Status.Conditions {
				if c.Type != corev1.PodResizePending || c.Status != corev1.ConditionTrue {
					continue
				}
				owner := rule.TemplateOwner(s, pod)
				f := finding.Finding{Object: rule.RefTo(pod), Confidence: finding.Certain}
				infeasible := c.Reason == corev1.PodReasonInfeasible
				if !infeasible {
					f.Severity = finding.Info // the kubelet tries again
				}
				f.Args = map[string]any{"pod": pod.Name, "namespace": pod.Namespace, "owner": owner.String(), "infeasible": infeasible, "reason": c.Reason, "message": c.Message, "node": pod.Spec.NodeName}
				f.Evidence = []finding.Evidence{
					{Object: rule.RefTo(pod).String(), Path: "status.conditions[PodResizePending]", Value: strings.TrimSpace(c.Reason + ": " + c.Message)},
					{Object: rule.RefTo(pod).String(), Path: "requests asked for", Value: printed(Requests(pod, Incoming))},
					{Object: rule.RefTo(pod).String(), Path: "requests held", Value: printed(Requests(pod, Placed))},
				}
				out = append(out, f)
			}
		}
	}
	return out
}

// usage is what a workload's pods ask for and use of a resource, over the pods
// that the metrics API had a sample of.
type usage struct {
	work            Work
	pods            int
	requested, used resource.Quantity
}

// samples are the usages of one scope, which the rules of one audit share.
type samples struct {
	s     *snapshot.Snapshot
	scope *rule.Scope
	all   map[corev1.ResourceName][]usage
}

// of gives the requests and usage of a resource by workload, over the pods that
// run and were measured.
func (m *samples) of(s *snapshot.Snapshot, sc *rule.Scope, name corev1.ResourceName) []usage {
	if m.s != s || m.scope != sc {
		m.s, m.scope, m.all = s, sc, map[corev1.ResourceName][]usage{}
		for _, ns := range sc.Targets {
			pods := podsByWorkload(s, ns.Name)
			for _, w := range worksIn(s, sc, ns.Name) {
				for name, u := range measured(s, w, pods[w.Ref]) {
					m.all[name] = append(m.all[name], u)
				}
			}
		}
	}
	return m.all[name]
}

// measured adds up a workload's pods, by resource.
func measured(s *snapshot.Snapshot, w Work, pods []*corev1.Pod) map[corev1.ResourceName]usage {
	out := map[corev1.ResourceName]usage{}
	var last *corev1.Pod
	var asked corev1.ResourceList
	for _, p := range pods {
		m, a := snapshot.Get[*metricsv1beta1.PodMetrics](s, p.Namespace, p.Name)
		if a.State != snapshot.Present || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			continue
		}
		if !alike(last, p) {
			asked, last = Requests(p, Placed), p
		}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			requested, said := asked[name]
			if !said {
				continue
			}
			u := out[name]
			u.work = w
			u.pods++
			u.requested.Add(requested)
			for _, c := range m.Containers {
				u.used.Add(c.Usage[name])
			}
			out[name] = u
		}
	}
	return out
}

func (u usage) finding(name corev1.ResourceName) finding.Finding {
	f := finding.Finding{Object: u.work.Ref, Confidence: finding.Possible, Args: workArgs(u.work)}
	f.Args["key"], f.Args["n"], f.Args["window"] = string(name), u.pods, ""
	f.Args["used"], f.Args["requested"] = fit.Human(name, u.used, true), fit.Human(name, u.requested, true)
	f.Evidence = []finding.Evidence{
		{Object: u.work.Ref.String(), Path: "metrics API, one sample: " + string(name), Value: fit.Human(name, u.used, true)},
		{Object: u.work.Ref.String(), Path: "requests." + string(name) + " of the same pods", Value: fit.Human(name, u.requested, true)},
	}
	return f
}

// checkUnderRequested: the pods use more memory than they have asked for, so
// that they go first when their node runs short.
func (m *samples) checkUnderRequested(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range m.of(s, sc, corev1.ResourceMemory) {
		if u.used.Cmp(u.requested) > 0 {
			out = append(out, u.finding(corev1.ResourceMemory))
		}
	}
	return out
}

// overRequestedPercent is below what share of the request usage is worth a
// word; little requests are not.
const overRequestedPercent = 20

// checkOverRequested: the pods use a small part of what they have reserved. One
// sample proves nothing about tomorrow, so it is a note and never a number to set.
func (m *samples) checkOverRequested(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		least := map[corev1.ResourceName]string{corev1.ResourceCPU: "1", corev1.ResourceMemory: "1Gi"}[name]
		for _, u := range m.of(s, sc, name) {
			part := u.used.AsApproximateFloat64() * 100 / max(u.requested.AsApproximateFloat64(), 1e-9)
			if u.requested.Cmp(resource.MustParse(least)) < 0 || part >= overRequestedPercent {
				continue
			}
			f := u.finding(name)
			f.Args["percent"] = int(part)
			out = append(out, f)
		}
	}
	return out
}
