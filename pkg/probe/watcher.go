package probe

import (
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Watcher makes moments of what a watch tells of one workload's pods.
type Watcher struct {
	target   finding.Ref
	services []string
	// s is empty: owners are told by names alone, as for pods whose ReplicaSet was not read.
	s    *snapshot.Snapshot
	pods map[string]*watchedPod
	// counts says how often each event had happened when it was last told.
	counts map[string]int
	slices map[string]slice
	// gap counts the silences: no time is reckoned across one.
	gap   int
	began time.Time
	tally map[string]*Tally
}

// NewWatcher makes one for an object, and for the Services that lead to it.
func NewWatcher(target finding.Ref, services []string, began time.Time) *Watcher {
	return &Watcher{
		target: target, services: services, s: snapshot.New(snapshot.FromCluster, began), pods: map[string]*watchedPod{}, counts: map[string]int{},
		slices: map[string]slice{}, began: began, tally: map[string]*Tally{},
	}
}

// slice is what an EndpointSlice says: the pods that a Service hands out.
type slice struct {
	service string
	pods    map[string]bool
}

// mark is when something was seen, for what follows from it.
type mark struct {
	at     time.Time
	gap    int
	missed bool
}

// watchedPod is what is known of one pod.
type watchedPod struct {
	pod   *corev1.Pod
	in    map[string]bool
	marks map[markOf]mark
	ready bool
}

// markOf names a mark: of the pod, of one of its containers, or of a Service.
type markOf struct {
	kind  MomentKind
	about string
	probe Type
}

// Silence says that nothing is heard, or that it is again; what is heard of the
// rest goes on. Why is the reason.
func (w *Watcher) Silence(at time.Time, kind MomentKind, why string) Moment {
	w.gap++
	return Moment{Time: metav1.NewMicroTime(at), Event: kind, Reason: why}
}

// Begin says what there was when the watch began.
func (w *Watcher) Begin(at time.Time) Moment {
	m := Moment{Time: metav1.NewMicroTime(at), Event: Watching}
	for _, p := range w.pods {
		if p.pod == nil {
			continue // of another workload behind the same Service
		}
		m.Pods++
		if p.ready {
			m.Ready++
		}
		if len(p.in) > 0 {
			m.Serving++
		}
	}
	return m
}

// See takes in what the watch tells, and gives what happened by it, in order.
func (w *Watcher) See(x Sighting) []Moment {
	var out []Moment
	switch o := x.Object.(type) {
	case *corev1.Pod:
		if w.target.Kind == "Service" || w.target == rule.RefTo(o) || rule.TemplateOwner(w.s, o) == w.target || direct(o) == w.target {
			out = w.seePod(x, o)
		}
	case *corev1.Event:
		out = w.seeEvent(x, o)
	case *discoveryv1.EndpointSlice:
		out = w.seeSlice(x, o)
	}
	if x.First {
		return nil
	}
	for i := range out {
		out[i].Time, out[i].Missed = metav1.NewMicroTime(x.At), x.Missed
		w.count(out[i])
	}
	return out
}

// direct is the controller of a pod.
func direct(pod *corev1.Pod) finding.Ref {
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		return finding.Ref{Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name}
	}
	return finding.Ref{}
}

func (w *Watcher) known(name string) *watchedPod {
	p := w.pods[name]
	if p == nil {
		p = &watchedPod{in: map[string]bool{}, marks: map[markOf]mark{}}
		w.pods[name] = p
	}
	return p
}

// set marks that something was seen now.
func (p *watchedPod) set(w *Watcher, x Sighting, of markOf) {
	p.marks[of] = mark{x.At, w.gap, x.Missed || x.First}
}

// setOnce is set where there is no such mark yet.
func (p *watchedPod) setOnce(w *Watcher, x Sighting, of markOf) {
	if _, ok := p.marks[of]; !ok {
		p.set(w, x, of)
	}
}

// since gives the times since some marks, the nearest first; those that were not
// seen to happen, and those across a silence, are left out.
func (p *watchedPod) since(w *Watcher, x Sighting, causes ...markOf) []Since {
	var out []Since
	for _, c := range causes {
		m, ok := p.marks[c]
		if !ok || m.missed || m.gap != w.gap || x.Missed || x.First || m.at.After(x.At) {
			continue
		}
		out = append(out, Since{c.kind, x.At.Sub(m.at).Seconds()})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Seconds < out[j].Seconds })
	return out
}

func (p *watchedPod) forget(of ...markOf) {
	for _, o := range of {
		delete(p.marks, o)
	}
}
