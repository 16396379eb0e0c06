package router

import (
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// bluegreen is a stage with one Service and a preview, and the words for its writes.
func bluegreen(preview string, change ...func(*stage)) *stage {
	fix := fixtureFor(rollout.ViaService, "Deployment")
	fix.Spec.Services, fix.Spec.Preview = []string{"web"}, preview
	st := newStage(service{}, fix)
	for _, c := range change {
		c(st)
	}
	st.settle()
	return st
}

const (
	original = `{ "app":"web" }`
	toOldPin = `{"app":"web","pod-template-hash":"` + oldHash + `"}`
	toNewPin = `{"app":"web","pod-template-hash":"` + newHash + `"}`
)

func selecting(selector string) func(*stage) {
	return func(st *stage) {
		st.live[serviceRef(st.fix.Spec, "web")].Fields[rollout.SelectorField] = []byte(selector)
	}
}

func withPods(p pods) func(*stage)    { return func(st *stage) { st.pods = p } }
func in(p rollout.Phase) func(*stage) { return func(st *stage) { st.state.Phase = p } }
func scaledTo(n int) func(w *rollout.World) {
	return func(w *rollout.World) { w.Workload.Replicas = n }
}
func unseen(w *rollout.World)  { w.Services = nil }
func deleted(w *rollout.World) { w.Live = nil }
func view(ready map[string]int) []rollout.ServiceView {
	return []rollout.ServiceView{{Name: "web", Ready: ready}}
}

func TestServiceSetsOneVersion(t *testing.T) {
	for name, c := range map[string]struct {
		st     *stage
		world  func(*rollout.World)
		weight rollout.Weight
		to     string // the selector written to service/web; "" for no write
		why    rollout.Purpose
		waits  string // what Verify says before the write
		level  rollout.Level
	}{
		"pinned before anything else": {st: bluegreen("", in(rollout.Starting)), to: toOldPin, why: rollout.PurposePin,
			waits: "service/web is not pinned to the old version", level: rollout.Unwritten},
		"pinned":                          {st: bluegreen("", selecting(toOldPin)), level: rollout.InEndpoints},
		"pinned, an old Pod is not ready": {st: bluegreen("", selecting(toOldPin), withPods(pods{old: 2})), level: rollout.InEndpoints},
		"an old version that is down may be left": {st: bluegreen("", withPods(pods{})), to: toOldPin, why: rollout.PurposePin,
			waits: "service/web is not pinned to the old version", level: rollout.Unwritten},
		"somebody else's Pods would be cut off": {st: bluegreen("", withPods(pods{old: 3, foreign: 1})),
			waits: "service/web has 1 ready endpoint of neither version, which a pin would cut off", level: rollout.Unwritten},
		"endpoints unseen": {st: bluegreen(""), world: unseen,
			waits: "service/web does not exist any more", level: rollout.Unwritten},
		"the Service is gone": {st: bluegreen(""), world: deleted, waits: "service/web was not seen", level: rollout.Unwritten},
		"somebody else's selector stays": {st: bluegreen("", selecting(`{"app":"web","track":"b"}`)),
			waits: "the selector of service/web is none of this rollout's", level: rollout.Unwritten},

		"all new Pods are ready": {st: bluegreen("", selecting(toOldPin), withPods(pods{3, 3, 0})), weight: 100, to: toNewPin,
			why: rollout.PurposeFlip, waits: "service/web is not pinned to the new version", level: rollout.Unwritten},
		"a new Pod is missing": {st: bluegreen("", selecting(toOldPin), withPods(pods{3, 2, 0})), weight: 100,
			waits: "2 of 3 new Pods ready", level: rollout.Unwritten},
		"the old version carries with two": {st: bluegreen("", selecting(toOldPin), withPods(pods{2, 2, 0})), weight: 100, to: toNewPin,
			why: rollout.PurposeFlip, waits: "service/web is not pinned to the new version", level: rollout.Unwritten},
		"scaled up, all six carry": {st: bluegreen("", selecting(toOldPin), withPods(pods{6, 3, 0})), world: scaledTo(6), weight: 100,
			waits: "3 of 6 new Pods ready", level: rollout.Unwritten},
		"scaled down, surplus old Pods carry nothing that is needed": {st: bluegreen("", selecting(toOldPin), withPods(pods{6, 3, 0})), weight: 100,
			to: toNewPin, why: rollout.PurposeFlip, waits: "service/web is not pinned to the new version", level: rollout.Unwritten},
		"nobody is ready": {st: bluegreen("", selecting(toOldPin), withPods(pods{})), weight: 100,
			waits: "0 of 1 new Pod ready", level: rollout.Unwritten},
		"flipped": {st: bluegreen("", selecting(toNewPin), withPods(pods{3, 3, 0})), weight: 100, level: rollout.InEndpoints},

		"back, all old Pods are there": {st: bluegreen("", selecting(toNewPin), withPods(pods{3, 3, 0}), in(rollout.Aborting)), to: toOldPin,
			why: rollout.PurposeFlip, waits: "service/web is not pinned to the old version", level: rollout.Unwritten},
		"back from a version that is down, with what there is": {st: bluegreen("", selecting(toNewPin), withPods(pods{1, 0, 0}), in(rollout.Aborting)),
			to: toOldPin, why: rollout.PurposeFlip, waits: "service/web is not pinned to the old version", level: rollout.Unwritten},
		"back, the old version is gone": {st: bluegreen("", selecting(toNewPin), withPods(pods{0, 3, 0}), in(rollout.Aborting)),
			waits: "0 of 3 old Pods ready", level: rollout.Unwritten},
		"back, both serve": {st: bluegreen("", withPods(pods{1, 3, 0}), in(rollout.Aborting)),
			waits: "1 of 3 old Pods ready", level: rollout.Unwritten},
		"back, both serve, the old version can alone": {st: bluegreen("", withPods(pods{3, 3, 0}), in(rollout.Aborting)), to: toOldPin,
			why: rollout.PurposePin, waits: "service/web is not pinned to the old version", level: rollout.Unwritten},
		"back, restored, nothing left to pin away from": {st: bluegreen("", in(rollout.Aborting)),
			waits: "no new Pod is ready", level: rollout.Unwritten},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.st.world()
			if c.world != nil {
				c.world(w)
			}
			write := service{}.Set(&c.st.state, w, c.weight)
			switch {
			case c.to == "" && write != nil:
				t.Errorf("it writes %s", write.Changes[0].To)
			case c.to != "" && (write == nil || string(write.Changes[0].To) != c.to || write.Why != c.why):
				t.Errorf("got %+v, want %s to %s", write, c.why, c.to)
			}
			if v := (service{}).Verify(&c.st.state, w, c.weight); v.Waits != c.waits || v.Level != c.level {
				t.Errorf("Verify says %+v, want %s %q", v, c.level, c.waits)
			}
		})
	}
}

func TestServiceVerifyReadsEndpoints(t *testing.T) {
	for name, c := range map[string]struct {
		ready map[string]int
		waits string
	}{
		"all there":     {map[string]int{newHash: 3}, ""},
		"not yet":       {map[string]int{}, "service/web shows 0 of 3 ready new Pods"},
		"one missing":   {map[string]int{newHash: 2}, "service/web shows 2 of 3 ready new Pods"},
		"old ones left": {map[string]int{newHash: 3, oldHash: 2}, "service/web still shows 2 ready endpoints of another version"},
		"others left":   {map[string]int{newHash: 3, "": 1}, "service/web still shows 1 ready endpoint of another version"},
		"one too many":  {map[string]int{newHash: 4}, "service/web still shows 4 new Pods, of which 3 are ready"},
	} {
		t.Run(name, func(t *testing.T) {
			st := bluegreen("", selecting(toNewPin), withPods(pods{3, 3, 0}))
			st.shown = view(c.ready)
			want := rollout.Verification{Level: rollout.Written, Waits: c.waits}
			if c.waits == "" {
				want.Level = rollout.InEndpoints
			}
			if v := (service{}).Verify(&st.state, st.world(), rollout.All); v != want {
				t.Errorf("got %+v, want %+v", v, want)
			}
		})
	}
}

// The whole way, write by write, in order: people see the new version in the
// preview before the traffic goes there, and the traffic comes back first.
func TestServiceOrderOfWrites(t *testing.T) {
	st := bluegreen("web-next")
	var got []string
	to := func(phase rollout.Phase, mix pods, weight rollout.Weight) {
		st.state.Phase, st.pods = phase, mix
		st.settle()
		for write := (service{}).Set(&st.state, st.world(), weight); write != nil; write = (service{}).Set(&st.state, st.world(), weight) {
			if err := st.apply(write); err != nil {
				t.Fatal(err)
			}
			got = append(got, string(write.Why)+" "+write.Object.Name)
			st.settle()
		}
	}
	to(rollout.Starting, pods{old: 3}, 0)
	to(rollout.Shifting, pods{old: 3, new: 1}, 100)
	to(rollout.Shifting, pods{old: 3, new: 3}, 100)
	to(rollout.Aborting, pods{old: 3, new: 3}, 0)
	to(rollout.Aborting, pods{old: 3}, 0)
	for write := (service{}).Restore(&st.state, st.world()); write != nil; write = (service{}).Restore(&st.state, st.world()) {
		if err := st.apply(write); err != nil {
			t.Fatal(err)
		}
		got = append(got, string(write.Why)+" "+write.Object.Name)
	}
	// Restored while it is still on its way back: nothing is pinned again.
	to(rollout.Aborting, pods{old: 3}, 0)
	want := []string{"pin web", "pin web-next", "flip web", "flip web", "restore web", "restore web-next"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("write %d is %q, want %q", i, got[i], want[i])
		}
	}
}

// A preview that shows nothing yet keeps no rollout from going on, nor does one that lags keep it from going back.
func TestPreviewWaitsOnlyWhereSomebodyLooks(t *testing.T) {
	st := bluegreen("web-next", selecting(toOldPin), withPods(pods{old: 3, new: 1}))
	if v := (service{}).Verify(&st.state, st.world(), 0); v.Level != rollout.InEndpoints {
		t.Errorf("with too few new Pods for a preview: %+v", v)
	}
	st.live[serviceRef(st.fix.Spec, "web-next")].Fields[rollout.SelectorField] = []byte(toNewPin)
	st.pods.new = 3 // the endpoints of the preview do not show them yet
	if v := (service{}).Verify(&st.state, st.world(), 0); v.Level != rollout.Written {
		t.Errorf("with a preview that lags: %+v", v)
	}
	st.state.Phase = rollout.Aborting
	if v := (service{}).Verify(&st.state, st.world(), 0); v.Level != rollout.InEndpoints {
		t.Errorf("on the way back: %+v", v)
	}
}

// What the selector asks for beside the version stays; so does what is not a text, which the API server would not take but a router has no business dropping.
func TestPinnedKeepsTheSelector(t *testing.T) {
	for given, want := range map[string]string{
		`{"app":"web","tier":"front"}`: `{"app":"web","pod-template-hash":"h","tier":"front"}`,
		`{"app":"a<b","n":7}`:          `{"app":"a\u003cb","n":7,"pod-template-hash":"h"}`,
		`{}`:                           "", `null`: "", `[]`: "", ``: "", `"x"`: "",
	} {
		if got := string(pinned([]byte(given), "Deployment", "h")); got != want && !(want != "" && rollout.Same([]byte(got), []byte(want))) {
			t.Errorf("%s is pinned as %s, want %s", given, got, want)
		}
	}
	if got := pinned([]byte(`{"app":"web"}`), "Deployment", ""); got != nil {
		t.Errorf("pinned to an unknown hash: %s", got)
	}
}

func TestServiceReachesAllOrNothing(t *testing.T) {
	both := rollout.Mix{Old: 3, New: 3}
	for asked, want := range map[rollout.Weight]rollout.Weight{0: 0, 1: 0, 50: 0, 51: rollout.All, 100: rollout.All} {
		if got := (service{}).Reach(asked, both); got != want {
			t.Errorf("asked for %s it reaches %s, want %s", asked, got, want)
		}
	}
}
