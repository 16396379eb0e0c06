package quota

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// FitNeeds says what FitOf still wants to read.
func FitNeeds(s *snapshot.Snapshot, q FitQuery) snapshot.Needs {
	w := newWants(s)
	w.list("Node", "")
	w.add(rule.UnfinishedPods())
	f := &fitter{s: s, q: q, spaces: map[string]*Space{}}
	switch {
	case len(q.Drain) > 0:
		w.list("PodDisruptionBudget", "")
	case q.Manifests != nil:
		w.manifests(q.Manifests)
	default:
		w.query(q.Query, fitKinds())
		works := f.works()
		if len(works) == 0 && q.Namespace != "" && s.Missing(w.needs).Empty() {
			w.one("Namespace", "", q.Namespace)
		}
		for _, work := range works {
			w.list("LimitRange", q.Namespace)
			w.pods(work)
		}
	}
	pods, _ := snapshot.List[*corev1.Pod](s, "", nil)
	for _, p := range pods {
		if waits(p) || leaves(p) && drains(q, p) {
			w.room(p)
		} else if fit.SelectsNamespaces(p) {
			w.list("Namespace", "")
		}
	}
	return s.Missing(w.sorted())
}

func drains(q FitQuery, p *corev1.Pod) bool {
	for _, name := range q.Drain {
		if name == p.Spec.NodeName {
			return true
		}
	}
	return false
}

// manifests: what is there already of them, and what their pods need.
func (w *wants) manifests(in *snapshot.Snapshot) {
	for _, o := range in.InOrder() {
		work, ok := WorkOf(o)
		if !ok {
			continue
		}
		w.list("LimitRange", work.Ref.Namespace)
		w.one(snapshot.Kind(work.Ref.Kind), work.Ref.Namespace, work.Ref.Name)
		w.pods(work)
	}
}
