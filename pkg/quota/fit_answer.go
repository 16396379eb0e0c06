package quota

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	helper "k8s.io/component-helpers/scheduling/corev1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// wait is a number of alike pods that wait for a node.
type wait struct {
	owner finding.Ref
	pod   *corev1.Pod
	pods  int
	batch int
}

// wait groups the pods that wait: those that the same controller made from the
// same template are alike, but for their claims and for a DaemonSet's node. The
// order is that of the scheduler's queue: by priority, then by age.
func (f *fitter) wait() {
	view, err := rule.SchedulerViewOf(f.s)
	if err != nil {
		return
	}
	pods := slices.DeleteFunc(slices.Clone(view.Pods), func(p *corev1.Pod) bool { return !waits(p) })
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		if x, y := helper.PodPriority(a), helper.PodPriority(b); x != y {
			return cmp.Compare(y, x)
		}
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	known := map[string]*wait{}
	for _, p := range pods {
		owner := rule.TemplateOwner(f.s, p)
		if f.q.Manifests != nil && slices.ContainsFunc(f.q.Manifests.InOrder(), f.replaced(owner)) {
			continue
		}
		key := string(p.UID) + p.Name
		if c := metav1.GetControllerOfNoCopy(p); c != nil && !fit.UsesClaims(p) && pinnedTo(p) == "" {
			key = string(c.UID) + "/" + p.Namespace + "/" + c.Name
		}
		if known[key] == nil {
			known[key] = &wait{owner: owner, pod: p}
			f.waiting = append(f.waiting, known[key])
		}
		known[key].pods++
	}
}

// place tries everything at once.
func (f *fitter) place() {
	if f.cluster == nil {
		return
	}
	f.trial = f.cluster.Try(f.batches)
	for i, b := range f.batches {
		least, _ := f.trial.Range(i)
		f.preempting = f.preempting || least < b.Pods && f.preempts(i)
	}
}

func (f *fitter) answers() []Fit {
	out := []Fit{}
	for _, a := range f.asks {
		r := Fit{Workload: a.ref, Asked: a.asked, Running: a.running, Refused: []Refused{}, NotModelled: []NotModelled{}}
		if f.cluster == nil {
			out = append(out, r)
			continue
		}
		least, most := f.trial.Range(a.batches...)
		fits := a.running + least
		r.Fits, r.NotModelled = &fits, f.gaps(a, least, most)
		if least != most {
			more := a.running + most
			r.FitsAtMost = &more
		}
		full := f.full(a)
		r.Refused, r.Message, r.Change = f.refusedIn(full, fits < a.asked)
		if missing := a.asked - a.running; missing > 0 && most < missing {
			f.reportFit(a, r, full)
		}
		out = append(out, r)
	}
	return out
}

// full is the verdict on what found no place; of a DaemonSet's pods each looks
// at its own node only.
func (f *fitter) full(a *ask) fit.Verdict {
	var out fit.Verdict
	for _, i := range a.batches {
		v := f.trial.First[i].Full
		if !a.fixed {
			if len(v.Nodes) > 0 || len(v.Everywhere) > 0 {
				out = v
			}
			continue
		}
		node := pinnedTo(f.batches[i].Pod)
		for _, n := range v.Nodes {
			if n.Node == node {
				out.Nodes = append(out.Nodes, n)
			}
		}
		out.Everywhere = append(out.Everywhere, v.Everywhere...)
	}
	return out
}

func (f *fitter) refusedIn(v fit.Verdict, short bool) ([]Refused, string, string) {
	out := []Refused{}
	if !short || len(v.Nodes) == 0 && len(v.Everywhere) == 0 {
		return out, "", ""
	}
	for _, c := range v.Counts() {
		out = append(out, Refused{Constraint: c.Reason, Resource: c.Detail, Words: c.Words, Nodes: c.Nodes})
	}
	return out, v.Message(), f.change(v)
}

// change is the smallest that places one more pod, on a node that is to stay.
func (f *fitter) change(v fit.Verdict) string {
	v.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n fit.NodeVerdict) bool { return slices.Contains(f.q.Drain, n.Node) })
	change, ok := v.SmallestChange()
	if !ok {
		return ""
	}
	return change.String()
}

// gaps are what was not reckoned with, each once.
func (f *fitter) gaps(a *ask, least, most int) []NotModelled {
	out := append([]NotModelled{}, a.gaps...)
	for n, i := range a.batches {
		if a.fixed && n > 0 {
			break // alike
		}
		for _, g := range f.cluster.Judge(f.batches[i].Pod).NotModelled {
			out = append(out, NotModelled{g.Kind, g.What})
		}
	}
	if least != most {
		out = append(out, NotModelled{GapOrder, span(a.running+least, a.running+most)})
	}
	if f.preempting && len(a.batches) > 0 {
		out = append(out, NotModelled{GapPreemption, ""})
	}
	var once []NotModelled
	for _, g := range out {
		if !slices.Contains(once, g) {
			once = append(once, g)
		}
	}
	if once == nil {
		return out
	}
	return once
}

// preempts says that pods of a lower priority stand where the batch could
// otherwise be, and would have to go for it (preemption/preemption.go).
func (f *fitter) preempts(i int) bool {
	pod := f.batches[i].Pod
	if p := pod.Spec.PreemptionPolicy; p != nil && *p == corev1.PreemptNever {
		return false
	}
	better := map[string]bool{}
	for _, n := range f.trial.First[i].Full.Nodes {
		better[n.Node] = !slices.ContainsFunc(n.Refusals, func(r fit.Refusal) bool {
			switch r.Reason {
			case fit.Insufficient:
				return r.Shortage.TooBig()
			case fit.PortTaken, fit.Skewed, fit.AntiAffinity, fit.KeptAway:
				return false
			default:
				return true
			}
		})
	}
	lower := func(other *corev1.Pod) bool { return helper.PodPriority(other) < helper.PodPriority(pod) }
	for _, p := range f.bound {
		if better[p.Spec.NodeName] && lower(p) {
			return true
		}
	}
	for k, b := range f.batches {
		for node := range f.trial.First[k].On {
			if better[node] && lower(b.Pod) {
				return true
			}
		}
	}
	return false
}

func (f *fitter) pending() []Pending {
	out := []Pending{}
	for _, w := range f.waiting {
		p := Pending{Workload: w.owner, Pod: w.pod.Name, Pods: w.pods, Refused: []Refused{}, NotModelled: []NotModelled{}}
		if f.cluster != nil {
			least, _ := f.trial.Range(w.batch)
			n := min(least, w.pods)
			p.Fits = &n
			p.Refused, p.Message, p.Change = f.refusedIn(f.trial.First[w.batch].Full, n < w.pods)
			for _, g := range f.cluster.Judge(w.pod).NotModelled {
				p.NotModelled = append(p.NotModelled, NotModelled{g.Kind, g.What})
			}
		}
		out = append(out, p)
	}
	return out
}

// reportFit: not all pods have a place, in whatever order they come.
func (f *fitter) reportFit(a *ask, r Fit, full fit.Verdict) {
	if len(full.Nodes) == 0 && len(full.Everywhere) == 0 {
		return
	}
	most := *r.Fits
	if r.FitsAtMost != nil {
		most = *r.FitsAtMost
	}
	own := 0
	for _, w := range f.waiting {
		if w.owner == a.ref {
			own += w.pods
		}
	}
	others := -own
	for _, w := range f.waiting {
		others += w.pods
	}
	g := noRoom(a.ref, a.asked-a.running, most-a.running, others, full)
	g.Args["change"] = f.change(full)
	g.Args["there"] = own == a.asked-a.running
	if len(r.NotModelled) > 0 {
		g.Confidence = finding.Possible
	}
	f.found = append(f.found, g)
}
