package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func selectorOf(s string) labels.Selector {
	selector, err := labels.Parse(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

func labelsOf(o snapshot.Object) labels.Set { return o.GetLabels() }

// workUse is a workload with its pods that have not finished.
type workUse struct {
	ref       finding.Ref
	namespace string
	// work is empty for what this tool does not read as a workload: the node of
	// a static pod, the object of an operator.
	work Work
	pods []*corev1.Pod
}

// workUses lists the workloads of the scope, and whatever else has pods in it,
// so that no pod is left out of a sum. A selector chooses among workloads that
// are known.
func workUses(s *snapshot.Snapshot, scope *rule.Scope, q Query) []workUse {
	var out []workUse
	for _, ns := range scope.Targets {
		pods := podsByWorkload(s, ns.Name)
		var here []workUse
		for _, w := range worksIn(s, scope, ns.Name) {
			here = append(here, workUse{ref: w.Ref, namespace: ns.Name, work: w, pods: pods[w.Ref]})
			delete(pods, w.Ref)
		}
		for ref, of := range pods {
			if q.Selector == "" {
				here = append(here, workUse{ref: ref, namespace: ns.Name, pods: of})
			}
		}
		slices.SortFunc(here, func(a, b workUse) int { return strings.Compare(a.ref.String(), b.ref.String()) })
		out = append(out, here...)
	}
	return out
}

// namespaceUses adds up what the pods of each namespace ask for and use.
func namespaceUses(s *snapshot.Snapshot, scope *rule.Scope, soft SoftLimits, v View, uses []workUse) []NamespaceUse {
	var out []NamespaceUse
	for _, ns := range scope.Targets {
		u := NamespaceUse{Namespace: ns.Name, Quotas: []QuotaUse{}, Workloads: []WorkloadUse{}, LimitRanges: rangeUses(s, ns.Name)}
		sum := newTally()
		for _, w := range uses {
			if w.namespace != ns.Name {
				continue
			}
			wu, t := workloadUse(s, w, v)
			u.Workloads = append(u.Workloads, wu)
			sum.join(t)
		}
		var who consumers
		if v.Explain {
			who = newConsumers(s, ns.Name)
		}
		for _, o := range s.OfKind("ResourceQuota", ns.Name) {
			if q, ok := o.(*corev1.ResourceQuota); ok {
				lines := quotaUses(s, q, soft)
				for i := range lines {
					if v.Explain {
						lines[i].Formula = who.of(q, corev1.ResourceName(lines[i].Resource))
					}
				}
				u.Quotas = append(u.Quotas, lines...)
			}
		}
		u.Pods, u.Requests, u.Limits, u.Usage = sum.pods, amounts(sum.requests), amounts(sum.limits), sampled(sum.usage)
		u.Resources = resourceUses(sum, v, slices.Clone(u.Quotas))
		out = append(out, u)
	}
	return out
}

// worksIn are the workloads of a namespace in the scope.
func worksIn(s *snapshot.Snapshot, scope *rule.Scope, namespace string) []Work {
	var out []Work
	for r := range scope.Members() {
		if r.Namespace != namespace || !slices.Contains(auditKinds(), snapshot.Kind(r.Kind)) {
			continue
		}
		o, a := s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
		if w, ok := WorkOf(o); ok && a.State == snapshot.Present {
			out = append(out, w)
		}
	}
	return out
}

// works are all workloads in the scope.
func works(s *snapshot.Snapshot, scope *rule.Scope) []Work {
	var out []Work
	for _, ns := range scope.Targets {
		out = append(out, worksIn(s, scope, ns.Name)...)
	}
	return out
}

// podsByWorkload groups the pods that have not finished by the workload that made them.
func podsByWorkload(s *snapshot.Snapshot, namespace string) map[finding.Ref][]*corev1.Pod {
	out := map[finding.Ref][]*corev1.Pod{}
	for _, o := range s.OfKind("Pod", namespace) {
		pod, ok := o.(*corev1.Pod)
		if !ok || !charged(pod, s.TakenAt) {
			continue
		}
		of := topOwner(s, pod)
		out[of] = append(out[of], pod)
	}
	return out
}

// topOwner is the workload that stands for the pod: the Deployment behind its
// ReplicaSet, the CronJob behind its Job.
func topOwner(s *snapshot.Snapshot, pod *corev1.Pod) finding.Ref {
	of := rule.TemplateOwner(s, pod)
	if of.Kind != "Job" {
		return of
	}
	job, a := s.Find("Job", of.Namespace, of.Name)
	if a.State != snapshot.Present {
		return of
	}
	if up := metav1.GetControllerOfNoCopy(job); up != nil {
		return finding.Ref{Kind: up.Kind, Namespace: of.Namespace, Name: up.Name}
	}
	return of
}

func workloadUse(s *snapshot.Snapshot, w workUse, v View) (WorkloadUse, *tally) {
	t := newTally()
	byContainer := map[string][]corev1.ResourceList{}
	for _, p := range w.pods {
		t.add(s, p, v.Counted())
		if m, a := snapshot.Get[*metricsv1beta1.PodMetrics](s, p.Namespace, p.Name); a.State == snapshot.Present {
			for _, c := range m.Containers {
				byContainer[c.Name] = append(byContainer[c.Name], c.Usage)
			}
		}
	}
	u := WorkloadUse{Workload: w.ref, Pods: t.pods, Requests: amounts(t.requests), Limits: amounts(t.limits), Usage: sampled(t.usage), Containers: []ContainerUse{}, Resources: chargedUses(t, v)}
	var sample *corev1.Pod
	switch {
	case len(w.pods) > 0:
		sample = w.pods[0]
	case w.work.Template != nil:
		sample = w.work.Pod(0)
	default:
		return u, t
	}
	u.QoS = string(QoS(sample))
	each(sample, func(c *corev1.Container, init bool) {
		u.Containers = append(u.Containers, ContainerUse{
			Container: c.Name, Init: init && !isSidecar(c),
			Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits), Usage: sampled(mean(byContainer[c.Name])),
		})
	})
	if v.Explain {
		u.Formulas = formulas(w.pods, v.Counted())
	}
	return u, t
}

// mean is the average of each resource over the lists.
func mean(lists []corev1.ResourceList) corev1.ResourceList {
	out := sum(lists...)
	n := int64(len(lists))
	for name, q := range out {
		out[name] = *resource.NewMilliQuantity((q.MilliValue()+n-1)/n, resource.DecimalSI)
		if isBytes(name) {
			out[name] = *resource.NewQuantity(q.Value()/n, resource.BinarySI)
		}
	}
	return out
}

func isBytes(name corev1.ResourceName) bool {
	return name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage || isHugePages(name)
}
