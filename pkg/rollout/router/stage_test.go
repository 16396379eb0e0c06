package router

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

const (
	oldHash = "6d4cf56db6"
	newHash = "7c9f8b5d44"
)

// Fixture is a rollout for the conformance test, with all that the data plane knows of it.
type Fixture struct {
	Spec rollout.Spec
	// Services are the selectors of all Services that there are.
	Services map[string]string
	// Routes are the other objects that the router writes to, as they are before.
	Routes map[rollout.Ref]rollout.Fields
	// Share is what the data plane sends to the new and to the old version, in per cent, with these objects and endpoints;
	// what is missing of 100 is lost. Without it the first Service picks among its endpoints.
	Share func(w *rollout.World) (toNew, toOld rollout.Weight)
}

// pods are ready Pods by version.
type pods struct{ old, new, foreign int }

// stage is a small world for routers: objects that take writes, Pods, and
// endpoints that follow when they are let.
type stage struct {
	fix   Fixture
	state rollout.State
	live  map[rollout.Ref]rollout.Live
	pods  pods
	shown []rollout.ServiceView
}

const replicasOfStage = 3

func newStage(r rollout.TrafficRouter, fix Fixture) *stage {
	st := &stage{
		fix:  fix,
		live: map[rollout.Ref]rollout.Live{},
		state: rollout.State{
			ID: "r1", Spec: fix.Spec, Phase: rollout.Shifting, OldHash: oldHash, NewHash: newHash, Replicas: replicasOfStage,
		},
		pods: pods{old: replicasOfStage},
	}
	for i, m := range r.Objects(fix.Spec) {
		m.UID = fmt.Sprintf("uid-%d", i)
		m.Original = rollout.Fields{}
		for _, path := range m.Paths {
			if value := fix.original(m.Ref, path); value != nil {
				m.Original[path] = value
			}
		}
		m.Current = maps.Clone(m.Original)
		live := rollout.Live{UID: m.UID, Fields: maps.Clone(m.Original)}
		if m.Ref.Kind != "Service" { // Services have no generation
			live.Generation = 1
		}
		st.state.Managed = append(st.state.Managed, m)
		st.live[m.Ref] = live
	}
	st.settle()
	return st
}

func (f Fixture) original(r rollout.Ref, path rollout.Pointer) json.RawMessage {
	if r.Kind == "Service" && path == rollout.SelectorField {
		return json.RawMessage(f.Services[r.Name])
	}
	return f.Routes[r][path]
}

func (st *stage) clone() *stage {
	c := *st
	c.live = map[rollout.Ref]rollout.Live{}
	for ref, l := range st.live {
		l.Fields = maps.Clone(l.Fields)
		c.live[ref] = l
	}
	return &c
}

// world is what is seen: live objects and Pods, and endpoints as far as they have followed.
func (st *stage) world() *rollout.World {
	return &rollout.World{
		Workload: &rollout.Workload{Replicas: replicasOfStage},
		Old:      rollout.Version{Hash: oldHash, Ready: st.pods.old, Replicas: st.pods.old},
		New:      rollout.Version{Hash: newHash, Ready: st.pods.new, Replicas: st.pods.new},
		Live:     st.live,
		Services: st.shown,
	}
}

// settle lets endpoints follow selectors and Pods, as the endpointslice controller does.
func (st *stage) settle() {
	var views []rollout.ServiceView
	for _, name := range slices.Sorted(maps.Keys(st.fix.Services)) {
		selects := st.selector(name)
		view := rollout.ServiceView{Name: name, Selects: selects, Ready: map[string]int{}}
		for hash, n := range map[string]int{oldHash: st.pods.old, newHash: st.pods.new, "": st.pods.foreign} {
			if n > 0 && matches(selects, map[string]string{"app": "web", rollout.HashLabel(st.fix.Spec.Workload.Kind): hash}) {
				view.Ready[hash] = n
			}
		}
		views = append(views, view)
	}
	st.shown = views
}

func (st *stage) selector(name string) map[string]string {
	raw := json.RawMessage(st.fix.Services[name])
	if l, ok := st.live[serviceRef(st.fix.Spec, name)]; ok {
		raw = l.Fields[rollout.SelectorField]
	}
	selects := map[string]string{}
	if err := json.Unmarshal(raw, &selects); err != nil {
		panic(err)
	}
	return selects
}

func matches(selects, labels map[string]string) bool {
	for k, v := range selects {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// apply makes a write as the API server would: every precondition is tested.
func (st *stage) apply(write *rollout.Write) error {
	live, ok := st.live[write.Object]
	m := st.state.Object(write.Object)
	if !ok || m == nil {
		return fmt.Errorf("it writes to %s, which is not its object", write.Object)
	}
	if write.UID != live.UID || write.Generation != live.Generation || write.Delete || len(write.Changes) == 0 || write.Why == "" {
		return fmt.Errorf("the write of %s lacks what it must carry: %+v", write.Object, *write)
	}
	for _, c := range write.Changes {
		switch {
		case !slices.Contains(m.Paths, c.Path):
			return fmt.Errorf("it writes to %s of %s, which is not its field", c.Path, write.Object)
		case !rollout.Same(c.From, live.Fields[c.Path]):
			return fmt.Errorf("%s of %s is %s, not %s", c.Path, write.Object, live.Fields[c.Path], c.From)
		case rollout.Same(c.From, c.To):
			return fmt.Errorf("the write of %s of %s changes nothing", c.Path, write.Object)
		}
	}
	for _, c := range write.Changes {
		live.Fields[c.Path] = c.To
		m.Current[c.Path] = c.To
		if c.To == nil {
			delete(live.Fields, c.Path)
			delete(m.Current, c.Path)
		}
	}
	if live.Generation > 0 {
		live.Generation++
	}
	st.live[write.Object] = live
	return nil
}

// shares is what clients meet now: what goes to each version, and how many ready endpoints each has.
func (st *stage) shares() (toNew, toOld rollout.Weight) {
	if st.fix.Share != nil {
		return st.fix.Share(st.world())
	}
	if len(st.fix.Spec.Services) == 0 {
		sum := st.pods.old + st.pods.new
		return share(st.pods.new, sum), share(st.pods.old, sum)
	}
	view, _ := viewOf(st.world(), st.fix.Spec.Services[0])
	return share(view.Ready[newHash], total(view)), share(view.Ready[oldHash], total(view))
}
