package quota

import (
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// ask is one workload with its pods that have no node yet.
type ask struct {
	ref            finding.Ref
	asked, running int
	// fixed is where the pods cannot wait elsewhere: a DaemonSet's, one for each node.
	fixed bool
	// batches are indexes into the fitter's.
	batches []int
	gaps    []NotModelled
}

// works are the workloads asked about.
func (f *fitter) works() []Work {
	var out []Work
	switch {
	case len(f.q.Drain) > 0:
		return nil
	case f.q.Manifests != nil:
		for _, o := range f.q.Manifests.InOrder() {
			if w, ok := topWorkOf(o); ok {
				out = append(out, w)
			}
		}
	default:
		out = f.q.Query.works(f.s, fitKinds())
		if len(f.q.Targets) == 0 {
			out = slices.DeleteFunc(out, func(w Work) bool { return over(w.Object) })
		}
	}
	for i, w := range out {
		out[i] = f.scaled(w)
	}
	return out
}

// over says that a Job will make no more pods.
func over(o snapshot.Object) bool {
	job, ok := o.(*batchv1.Job)
	return ok && slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
	})
}

// Scalable says whether a number of replicas can be asked of the kind.
func Scalable(kind string) bool { return slices.Contains(scaled(), snapshot.Kind(kind)) }

func (f *fitter) scaled(w Work) Work {
	if f.q.Replicas != nil && Scalable(w.Ref.Kind) {
		w.Pods, w.PodsSaid = *f.q.Replicas, true
	}
	if job, ok := w.Object.(*batchv1.Job); ok && job.Spec.Completions != nil {
		w.Pods = min(w.Pods, max(int(*job.Spec.Completions-job.Status.Succeeded), 0))
	}
	return w
}

// existing is the workload as it is there already.
func (f *fitter) existing(w Work) (Work, bool) {
	old, a := f.s.Find(snapshot.Kind(w.Ref.Kind), w.Ref.Namespace, w.Ref.Name)
	if a.State != snapshot.Present {
		return Work{}, false
	}
	return WorkOf(old)
}

// replaces says that the manifest changes what the pods are made from: then all
// of them are made anew.
func (f *fitter) replaces(w Work) bool {
	if f.q.Manifests == nil {
		return false
	}
	live, there := f.existing(w)
	return there && !sameTemplate(w, live)
}

// replaced says of a manifest that it makes the pods of this owner anew.
func (f *fitter) replaced(owner finding.Ref) func(snapshot.Object) bool {
	return func(o snapshot.Object) bool {
		w, ok := WorkOf(o)
		return ok && w.Ref == owner && f.replaces(w)
	}
}

// askFor collects what is to be placed: first what waits already.
func (f *fitter) askFor(works []Work) {
	if f.cluster != nil {
		for _, w := range f.waiting {
			w.batch = len(f.batches)
			f.batches = append(f.batches, fit.Batch{Pod: w.pod, Pods: w.pods})
		}
	}
	current := revisions(f.s)
	for _, w := range works {
		if w = w.as(current[w.Ref]); f.replaces(w) {
			w = w.as(newRevision)
		}
		a := &ask{ref: w.Ref, asked: w.Pods}
		f.asks = append(f.asks, a)
		if f.cluster == nil {
			continue
		}
		if live, there := f.existing(w); there && f.q.Manifests != nil {
			if !w.PodsSaid {
				a.asked = live.Pods
			}
			if f.replaces(w) {
				a.gaps = append(a.gaps, NotModelled{Kind: GapUpdate})
			}
		}
		f.askForPods(a, w)
	}
}

func (f *fitter) askForPods(a *ask, w Work) {
	on := map[string]bool{}
	for _, p := range f.owned[w.Ref] {
		a.running++
		on[p.Spec.NodeName] = true
	}
	_, bare := w.Object.(*corev1.Pod)
	if bare && a.running > 0 {
		return
	}
	own := 0
	for _, wait := range f.waiting {
		if wait.owner == w.Ref {
			own += wait.pods
			a.batches = append(a.batches, wait.batch)
			on[pinnedTo(wait.pod)] = true
		}
	}
	more := a.asked - a.running - own
	if w.Ref.Kind != "DaemonSet" && more <= 0 {
		return // nothing is made anew
	}
	pod := f.stored(a, w)
	if w.Ref.Kind == "DaemonSet" {
		f.askForDaemons(a, pod, on)
		return
	}
	if len(a.batches) == 1 && !fit.UsesClaims(f.batches[a.batches[0]].Pod) {
		f.batches[a.batches[0]].Pods += more // alike, and so one queue
		return
	}
	a.batches = append(a.batches, len(f.batches))
	f.batches = append(f.batches, fit.Batch{Pod: pod, Pods: more})
}

// leavesRoom: what has finished holds nothing any more.
func leavesRoom(p *corev1.Pod) bool {
	return p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// askForDaemons: each node that the DaemonSet is meant for gets a pod of its own.
func (f *fitter) askForDaemons(a *ask, pod *corev1.Pod, on map[string]bool) {
	meant := daemonNodes(f.cluster, pod)
	a.asked, a.fixed = len(meant), true
	for _, node := range meant {
		if !on[node] {
			a.batches = append(a.batches, len(f.batches))
			f.batches = append(f.batches, fit.Batch{Pod: pinned(pod, node), Pods: 1})
		}
	}
	a.asked = max(a.asked, a.running)
}

// pinned is the pod as the DaemonSet controller makes it for a node
// (pkg/controller/daemon/util, ReplaceDaemonSetPodNodeNameNodeAffinity).
func pinned(pod *corev1.Pod, node string) *corev1.Pod {
	out := *pod
	affinity := corev1.Affinity{}
	if pod.Spec.Affinity != nil {
		affinity = *pod.Spec.Affinity
	}
	affinity.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
		{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}},
	}}}
	out.Spec.Affinity = &affinity
	return &out
}

// pinnedTo is the node that pinned names, "" for none.
func pinnedTo(pod *corev1.Pod) string {
	a := pod.Spec.Affinity
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return ""
	}
	for _, t := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, e := range t.MatchFields {
			if e.Key == "metadata.name" && e.Operator == corev1.NodeSelectorOpIn && len(e.Values) == 1 {
				return e.Values[0]
			}
		}
	}
	return ""
}

// stored is the pod as the API server will keep it, as far as that is known.
func (f *fitter) stored(a *ask, w Work) *corev1.Pod {
	tried := f.space(w.Ref.Namespace).admissible(w)
	pod, ok := tried.Object.(*corev1.Pod)
	switch {
	case !tried.Admitted():
		a.gaps = append(a.gaps, NotModelled{GapAdmission, tried.Refusals[0].Message})
	case slices.Contains(tried.Unknown, "LimitRange"):
		a.gaps = append(a.gaps, NotModelled{GapAdmission, "LimitRange"})
	}
	if !ok {
		pod = w.Pod(w.Pods)
	}
	var made []batch
	if f.q.Manifests != nil {
		for _, claim := range f.q.Manifests.OfKind("PersistentVolumeClaim", w.Ref.Namespace) {
			if _, there := f.s.Find("PersistentVolumeClaim", w.Ref.Namespace, claim.GetName()); there.State != snapshot.Present {
				made = append(made, batch{object: claim, n: 1})
			}
		}
	}
	for t := range w.Claims {
		a.gaps = append(a.gaps, NotModelled{fit.UnboundClaim, w.Claims[t].Name})
	}
	known := withoutNewClaims(pod, w, made)
	for _, v := range pod.Spec.Volumes {
		if !slices.ContainsFunc(known.Spec.Volumes, func(k corev1.Volume) bool { return k.Name == v.Name }) {
			a.gaps = append(a.gaps, NotModelled{fit.UnboundClaim, v.Name})
		}
	}
	for _, g := range known.Spec.SchedulingGates {
		a.gaps = append(a.gaps, NotModelled{GapGate, g.Name})
	}
	return known
}

func span(least, most int) string { return strconv.Itoa(least) + "-" + strconv.Itoa(most) }
