package quota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// getsBeforeList is up to how many objects of a kind are read one by one.
const getsBeforeList = 2

// CheckNeeds says what Check still wants to read of the cluster, given what is
// known so far.
func CheckNeeds(in, s *snapshot.Snapshot) snapshot.Needs {
	w := newWants(s)
	byKind := map[snapshot.Need][]string{}
	for _, o := range in.InOrder() {
		ns := o.GetNamespace()
		if ns == "" {
			continue
		}
		w.one("Namespace", "", ns)
		w.list("ResourceQuota", ns)
		w.list("LimitRange", ns)
		work, isWork := WorkOf(o)
		if kind := snapshot.KindOf(o); isWork || w.counts(ns, o) || isCustom(kind) {
			need := snapshot.Need{Kind: kind, Namespace: ns}
			byKind[need] = append(byKind[need], o.GetName())
		}
		switch o := o.(type) {
		case *corev1.ResourceQuota:
			w.counted(o, in)
		case *resourcev1.ResourceClaim:
			w.deviceClasses(w.quotas(ns)...)
		}
		if claim, ok := o.(*corev1.PersistentVolumeClaim); ok && claim.Spec.StorageClassName == nil && w.counts(ns, o) {
			w.list("StorageClass", "")
		}
		if isWork {
			w.pods(work)
		}
		if claimed(work, w.quotas(ns)) {
			w.list("PersistentVolumeClaim", ns) // claims of pods that are there, or were, are not made again
		}
	}
	for need, named := range byKind {
		if len(named) > getsBeforeList {
			w.list(need.Kind, need.Namespace)
			continue
		}
		for _, name := range named {
			w.one(need.Kind, need.Namespace, name)
		}
	}
	return s.Missing(w.sorted())
}

// isCustom: whether the cluster serves an add-on's kind at all shows when it is read.
func isCustom(kind snapshot.Kind) bool {
	info, known := snapshot.Lookup(kind)
	return known && info.Custom
}

// HeadroomNeeds says what HeadroomOf still wants to read.
func HeadroomNeeds(s *snapshot.Snapshot, q Query) snapshot.Needs {
	w := newWants(s)
	w.query(q, scaled())
	works := q.works(s, scaled())
	if len(works) == 0 && q.Namespace != "" && s.Missing(w.needs).Empty() {
		w.one("Namespace", "", q.Namespace)
	}
	for _, work := range works {
		w.list("ResourceQuota", q.Namespace)
		w.list("LimitRange", q.Namespace)
		w.list("HorizontalPodAutoscaler", q.Namespace)
		w.pods(work)
	}
	return s.Missing(w.sorted())
}

// AuditNeeds says what AuditOf still wants to read. Usage asks for the metrics
// API as well.
func AuditNeeds(s *snapshot.Snapshot, q Query, usage bool) snapshot.Needs {
	w := newWants(s)
	for _, kind := range append(auditKinds(), "ResourceQuota", "LimitRange") {
		w.list(kind, q.Namespace)
	}
	if q.Namespace != "" {
		w.one("Namespace", "", q.Namespace)
	} else {
		w.list("Namespace", "") // for the soft limits that they carry
	}
	if usage {
		w.list("PodMetrics", q.Namespace)
	}
	w.list("Node", "")
	w.list("HorizontalPodAutoscaler", q.Namespace)
	quotas, _ := snapshot.List[*corev1.ResourceQuota](s, q.Namespace, nil)
	for _, rq := range quotas {
		for name := range rq.Spec.Hard {
			if kind, ok := CountedKind(name); ok && (kind == "PersistentVolumeClaim" || kind == "Service" || kind == "ResourceClaim") {
				w.list(kind, q.Namespace)
			}
		}
		if w.deviceClasses(rq); w.classes.claimsCount(rq) {
			w.list("ResourceClaim", q.Namespace)
		}
		for _, r := range selectors(rq) {
			if r.ScopeName == corev1.ResourceQuotaScopePriorityClass {
				w.list("PriorityClass", "")
			}
		}
	}
	scope, _ := auditScope(s, q)
	for _, work := range works(s, scope) {
		w.admission(work, q.Namespace)
	}
	return s.Missing(w.sorted())
}

// query wants what is named, or the kinds.
func (w *wants) query(q Query, kinds []snapshot.Kind) {
	for _, t := range q.Targets {
		w.one(snapshot.Kind(t.Kind), t.Namespace, t.Name)
	}
	if len(q.Targets) == 0 {
		for _, kind := range kinds {
			w.add(snapshot.Need{Kind: kind, Namespace: q.Namespace, Selector: q.Selector})
		}
	}
}

// wants collects needs.
type wants struct {
	s       *snapshot.Snapshot
	classes *deviceClasses
	seen    map[snapshot.Need]bool
	needs   snapshot.Needs
}

func newWants(s *snapshot.Snapshot) wants {
	return wants{s: s, classes: deviceClassesOf(s), seen: map[snapshot.Need]bool{}}
}

// quotas are those of a namespace that are known by now.
func (w *wants) quotas(namespace string) []*corev1.ResourceQuota {
	quotas, _ := snapshot.List[*corev1.ResourceQuota](w.s, namespace, nil)
	return quotas
}

func (w *wants) add(n snapshot.Need) {
	if !w.seen[n] {
		w.seen[n] = true
		w.needs.Objects = append(w.needs.Objects, n)
	}
}

func (w *wants) list(kind snapshot.Kind, namespace string) {
	w.add(snapshot.Need{Kind: kind, Namespace: namespace})
}

func (w *wants) one(kind snapshot.Kind, namespace, name string) {
	w.add(snapshot.Need{Kind: kind, Namespace: namespace, Name: name})
}

// sorted gives the needs in an order that does not hang on chance.
func (w *wants) sorted() snapshot.Needs {
	slices.SortStableFunc(w.needs.Objects, func(a, b snapshot.Need) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return w.needs
}

// counts says whether a quota that is known by now counts such objects: only
// then it matters whether this one is there already.
func (w *wants) counts(namespace string, o snapshot.Object) bool {
	return slices.ContainsFunc(w.quotas(namespace), func(q *corev1.ResourceQuota) bool { return len(tracked(o, names(q.Spec.Hard), w.classes)) > 0 })
}

// counted: what a new quota counts must be known; claims too where a class that is
// there or is sent gives out an extended resource that it names.
func (w *wants) counted(q *corev1.ResourceQuota, in *snapshot.Snapshot) {
	w.deviceClasses(q)
	all, _ := deviceClassList(w.s)
	sent, _ := deviceClassList(in)
	r := recount{classes: newDeviceClasses(append(slices.Clone(all), sent...), true)}
	for _, kind := range r.kinds(q) {
		w.list(kind, q.Namespace)
	}
}

// deviceClasses are wanted where claims may count as what a quota counts for pods.
func (w *wants) deviceClasses(quotas ...*corev1.ResourceQuota) {
	for _, q := range quotas {
		if len(selectors(q)) == 0 && slices.ContainsFunc(names(q.Spec.Hard), isQuotaForExtended) {
			w.list("DeviceClass", "")
			w.gate()
		}
	}
}

// gate: whether claims count so at all the version says, where neither classes nor
// nodes do.
func (w *wants) gate() {
	all, _ := deviceClassList(w.s)
	asked := w.s.Missing(snapshot.Needs{Objects: []snapshot.Need{{Kind: "DeviceClass"}}}).Empty()
	if asked && !namesExtended(all) && !newKubelet(w.s) {
		w.add(snapshot.ServerVersionNeed())
	}
}

// pods: what decides whether they are let in, and the nodes with all that is on them.
func (w *wants) pods(work Work) {
	w.admission(work, work.Ref.Namespace)
	w.room(work.Pod(0))
}

// admission is what is looked up for a pod and its claims: classes where it names
// any or a quota looks at them, and the templates of claims that a quota counts.
// What belongs to a namespace is listed in the one that is given, "" for all.
func (w *wants) admission(work Work, in string) {
	spec := &work.Template.Spec
	quotas := w.quotas(work.Ref.Namespace)
	byPriority := slices.ContainsFunc(quotas, func(q *corev1.ResourceQuota) bool {
		return slices.ContainsFunc(selectors(q), func(r corev1.ScopedResourceSelectorRequirement) bool {
			return r.ScopeName == corev1.ResourceQuotaScopePriorityClass
		})
	})
	if byPriority || spec.PriorityClassName != "" {
		w.list("PriorityClass", "")
	}
	if spec.RuntimeClassName != nil {
		w.list("RuntimeClass", "")
	}
	if claimed(work, quotas) {
		w.list("StorageClass", "")
	}
	if len(deviceTemplatesOf(work)) == 0 {
		return
	}
	w.deviceClasses(quotas...)
	if slices.ContainsFunc(quotas, w.classes.claimsCount) {
		w.list("ResourceClaimTemplate", in)
	}
}

// claimed says that the workload claims volumes for its pods, and a quota counts such claims.
func claimed(work Work, quotas []*corev1.ResourceQuota) bool {
	return len(work.Claims) > 0 && slices.ContainsFunc(quotas, func(q *corev1.ResourceQuota) bool {
		return slices.ContainsFunc(names(q.Spec.Hard), tracksClaims)
	})
}

// room is what it takes to say whether a pod finds a place.
func (w *wants) room(pod *corev1.Pod) {
	w.list("Node", "")
	w.add(rule.UnfinishedPods())
	if fit.SelectsNamespaces(pod) {
		w.list("Namespace", "")
	}
	if !fit.UsesClaims(pod) {
		return
	}
	w.list("PersistentVolumeClaim", pod.Namespace)
	claims, _ := snapshot.List[*corev1.PersistentVolumeClaim](w.s, pod.Namespace, nil)
	for _, v := range pod.Spec.Volumes {
		for _, c := range claims {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name && c.Spec.VolumeName != "" {
				w.one("PersistentVolume", "", c.Spec.VolumeName)
			}
		}
	}
}
