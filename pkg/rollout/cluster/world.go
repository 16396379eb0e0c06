package cluster

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// world puts together what was read. It reads nothing itself.
func (look *seen) world(s *rollout.State) *rollout.World {
	w := &rollout.World{At: look.now, Live: map[rollout.Ref]rollout.Live{}}
	for _, m := range s.Managed {
		if o := look.objects[m.Ref]; o != nil {
			w.Live[m.Ref] = o.live(m.Paths)
		}
	}
	pods := map[types.UID]string{}
	w.Old.Hash, w.New.Hash = s.OldHash, s.NewHash
	if look.workload != nil {
		look.workloadInto(w, s, pods)
	}
	for _, name := range services(s.Spec) {
		if o := look.objects[serviceRef(s.Spec, name)]; o != nil {
			w.Services = append(w.Services, look.service(name, o, pods))
		}
	}
	return w
}

// workloadInto fills in the workload and its versions, and the version of each Pod.
func (look *seen) workloadInto(w *rollout.World, s *rollout.State, hashes map[types.UID]string) {
	own := look.owned()
	versions := look.versions(own)
	update := look.updateHash()
	w.Workload = &rollout.Workload{
		Generation: look.workload.generation, Observed: look.workload.observed, Replicas: look.workload.replicas,
		Paused: look.workload.paused, Deleting: look.workload.deleting, Start: look.workload.start, UpdateHash: update,
	}
	for i := range own {
		hashes[own[i].UID] = hashOf(&own[i], look.workload.kind)
		w.Workload.Pods = append(w.Workload.Pods, look.pod(&own[i]))
	}
	slices.SortFunc(w.Workload.Pods, func(a, b rollout.Pod) int {
		return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Name, b.Name))
	})
	if w.New.Hash == "" && update != s.OldHash {
		w.New.Hash = update
	}
	for _, v := range versions {
		switch {
		case v.Hash == w.Old.Hash:
			w.Old = v
		case v.Hash == w.New.Hash:
			w.New = v
		case v.Wanted > 0 || v.Replicas > 0:
			w.Others = append(w.Others, v)
		}
	}
	w.Budgets = look.budgets()
}

// service counts a Service's endpoints by version. An endpoint counts once,
// however many address families it has.
func (look *seen) service(name string, o *object, hashes map[types.UID]string) rollout.ServiceView {
	view := rollout.ServiceView{Name: name, Selects: o.selects(), Ready: map[string]int{}}
	counted := map[string]bool{}
	for _, slice := range look.slices {
		if slice.Labels[discoveryv1.LabelServiceName] != name {
			continue
		}
		for _, e := range slice.Endpoints {
			if !takesTraffic(e.Conditions) || len(e.Addresses) == 0 {
				continue
			}
			key, hash := e.Addresses[0], ""
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
				key, hash = string(e.TargetRef.UID), hashes[e.TargetRef.UID]
			}
			if !counted[key] {
				counted[key] = true
				view.Ready[hash]++
			}
		}
	}
	return view
}

// takesTraffic is what proxies do: an unknown readiness counts as ready (discovery/v1, EndpointConditions).
func takesTraffic(c discoveryv1.EndpointConditions) bool {
	return (c.Ready == nil || *c.Ready) && (c.Terminating == nil || !*c.Terminating)
}

// budgets are those over the workload's Pods.
func (look *seen) budgets() []rollout.Budget {
	var out []rollout.Budget
	for _, b := range look.slow.budgets {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(look.workload.template.Labels)) {
			continue
		}
		out = append(out, rollout.Budget{Name: b.Name, CurrentHealthy: int(b.Status.CurrentHealthy), DesiredHealthy: int(b.Status.DesiredHealthy)})
	}
	return out
}

// owned are the Pods that the workload's controller made: of those that the
// selector finds, the ones that belong to it or to one of its ReplicaSets.
func (look *seen) owned() []corev1.Pod {
	owners := map[types.UID]bool{look.workload.uid: look.workload.kind != "Deployment"}
	for i := range look.sets {
		owners[look.sets[i].UID] = metav1.IsControlledBy(&look.sets[i], &metav1.ObjectMeta{UID: look.workload.uid})
	}
	var own []corev1.Pod
	for _, p := range look.pods {
		if c := metav1.GetControllerOf(&p); c != nil && owners[c.UID] && !ended(&p) {
			own = append(own, p)
		}
	}
	return own
}

// ended Pods have been given up: their controller makes others in their place.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
