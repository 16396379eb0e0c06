package router

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// report takes what does not conform; a *testing.T is one.
type report interface {
	Helper()
	Errorf(format string, args ...any)
}

// enough is more writes than any router needs for one weight.
const enough = 50

// mixes are the Pods among which a rollout of three replicas moves, with the ways on which it goes wrong.
func mixes() []pods {
	return []pods{
		{3, 0, 0}, {3, 1, 0}, {2, 1, 0}, {3, 2, 0}, {1, 2, 0}, {3, 3, 0}, {0, 3, 0}, // as planned
		{2, 3, 0}, {1, 3, 0}, {0, 1, 0}, {1, 0, 0}, {2, 0, 0}, {0, 0, 0}, {1, 1, 0}, {5, 5, 0}, {6, 3, 0}, // a node gone, a crash, an autoscaler
		{3, 0, 1}, {3, 3, 2}, // somebody else's Pods behind the same Service
	}
}

// Conformance is what every router keeps to, whatever it writes to. The machine relies on it.
func Conformance(t report, r rollout.TrafficRouter, fix Fixture) {
	t.Helper()
	reachIsASteadyShare(t, r)
	for _, phase := range []rollout.Phase{rollout.Starting, rollout.Shifting, rollout.Aborting} {
		for _, from := range mixes() {
			for first := rollout.Weight(0); first <= rollout.All; first += 50 {
				st := newStage(r, fix)
				st.state.Phase = phase
				reach(t, r, st, pods{old: replicasOfStage}, 0)
				reach(t, r, st, pods{old: replicasOfStage, new: replicasOfStage}, first)
				for weight := rollout.Weight(0); weight <= rollout.All; weight += 10 {
					reach(t, r, st.clone(), from, weight)
				}
			}
			fresh := newStage(r, fix)
			fresh.state.Phase = phase
			reach(t, r, fresh, from, 0)
		}
	}
	unknownHash(t, r, fix)
}

// reachIsASteadyShare: within bounds, never less for more, and nothing to a version without Pods.
func reachIsASteadyShare(t report, r rollout.TrafficRouter) {
	t.Helper()
	for before := range 5 {
		for after := range 5 {
			mix := rollout.Mix{Old: before, New: after}
			last := rollout.Weight(0)
			for asked := rollout.Weight(0); asked <= rollout.All; asked++ {
				got := r.Reach(asked, mix)
				switch {
				case got < 0 || got > rollout.All:
					t.Errorf("Reach(%s, %+v) = %v is no weight", asked, mix, got)
				case got < last:
					t.Errorf("Reach(%s, %+v) = %s is less than for the weight before, %s", asked, mix, got, last)
				case got > 0 && after == 0, got < rollout.All && before == 0 && after > 0:
					t.Errorf("Reach(%s, %+v) = %s gives traffic to a version without Pods", asked, mix, got)
				}
				last = got
			}
		}
	}
}

// reach brings a stage's Pods to a mix and its traffic to a weight, write by write, and looks at each.
func reach(t report, r rollout.TrafficRouter, st *stage, mix pods, weight rollout.Weight) {
	t.Helper()
	st.pods = mix
	verifyIsTrue(t, r, st, weight)
	st.settle()
	for range enough {
		verifyIsTrue(t, r, st, weight)
		write := r.Set(&st.state, st.world(), weight)
		if again := r.Set(&st.state, st.world(), weight); !reflect.DeepEqual(write, again) {
			t.Errorf("Set(%s) with %+v answers differently when asked again", weight, mix)
			return
		}
		if write == nil {
			restores(t, r, st.clone())
			return
		}
		if !applied(t, st, write) {
			return
		}
		verifyIsTrue(t, r, st, weight)
		restores(t, r, st.clone())
		before, capacity := st.shown, answering(st)
		st.settle()
		nothingIsLost(t, st, weight, capacity, before)
	}
	t.Errorf("Set(%s) with %+v does not come to an end", weight, mix)
}

func applied(t report, st *stage, write *rollout.Write) bool {
	t.Helper()
	if err := st.apply(write); err != nil {
		t.Errorf("%v", err)
		return false
	}
	return true
}

// answering counts the ready endpoints of each Service that carries traffic.
func answering(st *stage) map[string]int {
	n := map[string]int{}
	for _, name := range st.fix.Spec.Services {
		view, _ := viewOf(st.world(), name)
		n[name] = total(view)
	}
	return n
}

// nothingIsLost: no traffic goes to a version without ready endpoints, and no
// write takes ready endpoints from a Service beyond what the workload is meant to have.
func nothingIsLost(t report, st *stage, weight rollout.Weight, capacity map[string]int, before []rollout.ServiceView) {
	t.Helper()
	after, behind := st.shares()
	if after > 0 && st.pods.new == 0 || behind > 0 && st.pods.old == 0 {
		t.Errorf("at weight %s with %+v a version without ready Pods gets traffic", weight, st.pods)
	}
	for name, now := range answering(st) {
		if had := capacity[name]; now < min(had, replicasOfStage) {
			t.Errorf("a write for weight %s with %+v leaves service/%s with %d ready endpoints of %d (%v)", weight, st.pods, name, now, had, before)
		}
	}
}

// verifyIsTrue: what is said to be in the endpoints is what clients meet there.
// Endpoints of neither version dilute a share; they are not the router's.
func verifyIsTrue(t report, r rollout.TrafficRouter, st *stage, weight rollout.Weight) {
	t.Helper()
	v := r.Verify(&st.state, st.world(), weight)
	if v.Level != rollout.InEndpoints && v.Level != rollout.Seen {
		if v.Waits == "" {
			t.Errorf("at weight %s with %+v it waits and does not say for what", weight, st.pods)
		}
		return
	}
	if v.Waits != "" {
		t.Errorf("at weight %s with %+v it is done and waits for %q", weight, st.pods, v.Waits)
	}
	after, behind := st.shares()
	if after+behind == 0 {
		if weight > 0 {
			t.Errorf("weight %s is said to be in the endpoints, and nobody answers", weight)
		}
		return
	}
	reachable := r.Reach(weight, rollout.Mix{Old: st.pods.old, New: st.pods.new})
	if got := rollout.All * after / (after + behind); !near(got, reachable) {
		t.Errorf("weight %s is said to be in the endpoints with %+v, where %s is reachable; clients meet %s", weight, st.pods, reachable, got)
	}
	if seen := r.Observed(&st.state, st.world()); st.pods.foreign == 0 && !near(seen, after) {
		t.Errorf("Observed is %s where clients meet %s", seen, after)
	}
}

func near(a, b rollout.Weight) bool { return a-b < 0.001 && b-a < 0.001 }

// restores: from wherever it is called, every field ends as it was, byte for byte.
func restores(t report, r rollout.TrafficRouter, st *stage) {
	t.Helper()
	for range enough {
		write := r.Restore(&st.state, st.world())
		if write == nil {
			break
		}
		capacity, before := answering(st), st.shown
		if !applied(t, st, write) {
			return
		}
		st.settle()
		nothingIsLost(t, st, 0, capacity, before)
	}
	for _, m := range st.state.Managed {
		for _, path := range m.Paths {
			if got := st.live[m.Ref].Fields[path]; !bytes.Equal(got, m.Original[path]) {
				t.Errorf("%s of %s was %s and is restored to %s", path, m.Ref, m.Original[path], got)
			}
		}
	}
	if r.Restore(&st.state, st.world()) != nil {
		t.Errorf("Restore does not come to an end")
	}
}

// unknownHash: before its controller has named it, nothing can be done for the new version.
func unknownHash(t report, r rollout.TrafficRouter, fix Fixture) {
	t.Helper()
	st := newStage(r, fix)
	st.state.NewHash = ""
	if v := r.Verify(&st.state, st.world(), rollout.All); v.Level == rollout.InEndpoints {
		t.Errorf("all traffic is said to be with a version that is not there")
	}
	for range enough {
		write := r.Set(&st.state, st.world(), 0)
		if write == nil || !applied(t, st, write) {
			break
		}
		st.settle()
	}
	if v := r.Verify(&st.state, st.world(), 0); v.Level != rollout.InEndpoints {
		t.Errorf("a rollout cannot begin: %q", v.Waits)
	}
}

func fixtureFor(via rollout.Via, kind string) Fixture {
	spec := rollout.Spec{
		Workload: rollout.Ref{Kind: kind, Namespace: "shop", Name: "web"},
		Via:      via, Services: []string{"web", "web-admin"},
	}
	services := map[string]string{
		"web":       `{ "app":"web" }`,
		"web-admin": `{"app": "web"}`,
		"web-next":  `{"app":"web"}`,
	}
	if via == rollout.ViaService {
		spec.Preview = "web-next"
	}
	return Fixture{Spec: spec, Services: services}
}

func TestEveryRouterConforms(t *testing.T) {
	for _, via := range Names() {
		for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
			t.Run(string(via)+"/"+kind, func(t *testing.T) {
				r, err := New(via)
				if err != nil {
					t.Fatal(err)
				}
				Conformance(t, r, fixtureFor(via, kind))
			})
		}
	}
	t.Run("no service", func(t *testing.T) {
		fix := fixtureFor(rollout.ViaRatio, "Deployment")
		fix.Spec.Services = nil
		Conformance(t, ratio{}, fix)
	})
}
