package quota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

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

// namespaceUses adds up what the pods of each namespace ask for and use.
func namespaceUses(s *snapshot.Snapshot, scope *rule.Scope, soft SoftLimits) []NamespaceUse {
	var out []NamespaceUse
	for _, ns := range scope.Targets {
		u := NamespaceUse{Namespace: ns.Name, Quotas: []QuotaUse{}, Workloads: []WorkloadUse{}}
		requests, limits, usage := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
		pods := podsByWorkload(s, ns.Name)
		for _, w := range worksIn(s, scope, ns.Name) {
			wu := workloadUse(s, w, pods[w.Ref])
			u.Pods += wu.Pods
			u.Workloads = append(u.Workloads, wu)
			for sum, from := range map[*corev1.ResourceList][]Amount{&requests: wu.Requests, &limits: wu.Limits, &usage: wu.Usage} {
				for _, a := range from {
					addTo(*sum, corev1.ResourceList{corev1.ResourceName(a.Resource): a.exact})
				}
			}
		}
		sortUses(u.Workloads)
		u.Requests, u.Limits, u.Usage = amounts(requests), amounts(limits), amounts(usage)
		for _, o := range s.OfKind("ResourceQuota", ns.Name) {
			if q, ok := o.(*corev1.ResourceQuota); ok {
				u.Quotas = append(u.Quotas, quotaUses(q, soft)...)
			}
		}
		out = append(out, u)
	}
	return out
}

// worksIn are the workloads of a namespace in the scope.
func worksIn(s *snapshot.Snapshot, scope *rule.Scope, namespace string) []Work {
	var out []Work
	for _, r := range scope.Members() {
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
	if up := metav1.GetControllerOf(job); up != nil {
		return finding.Ref{Kind: up.Kind, Namespace: of.Namespace, Name: up.Name}
	}
	return of
}

func workloadUse(s *snapshot.Snapshot, w Work, pods []*corev1.Pod) WorkloadUse {
	u := WorkloadUse{Workload: w.Ref, Pods: len(pods)}
	requests, limits, usage, byContainer := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}, map[string][]corev1.ResourceList{}
	for _, p := range pods {
		addTo(requests, Requests(p, Placed))
		addTo(limits, Limits(p, Placed))
		m, a := snapshot.Get[*snapshot.PodMetrics](s, p.Namespace, p.Name)
		if a.State != snapshot.Present {
			continue
		}
		for _, c := range m.Containers {
			byContainer[c.Name] = append(byContainer[c.Name], c.Usage)
			addTo(usage, c.Usage)
		}
	}
	sample := w.Pod(0)
	if len(pods) > 0 {
		sample = pods[0]
	}
	u.QoS = string(QoS(sample))
	u.Requests, u.Limits, u.Usage = amounts(requests), amounts(limits), amounts(usage)
	u.Containers = []ContainerUse{}
	each(sample, func(c *corev1.Container, init bool) {
		u.Containers = append(u.Containers, ContainerUse{
			Container: c.Name, Init: init && !isSidecar(c),
			Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits), Usage: amounts(mean(byContainer[c.Name])),
		})
	})
	return u
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
