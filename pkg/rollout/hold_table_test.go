package rollout

import (
	"strings"
	"testing"
)

// scene is a Deployment of 10 at some moment.
func scene(template, strategy string, o, n Version) *World {
	fields := Fields{TemplateField: []byte(template), DeadlineField: []byte("600"), StrategyField: []byte(strategy)}
	if template == newTemplate {
		fields[MinReadyField], fields[DeadlineField] = []byte("2147483646"), []byte("2147483647")
	}
	o.Hash, n.Hash = "old", "new"
	return &World{
		Workload: &Workload{Generation: 4, Observed: 4, Replicas: 10}, Old: o, New: n,
		Live: map[Ref]Live{deploymentRef: {UID: "u", Generation: 4, Fields: fields}},
	}
}

func pods(n int) Version { return Version{Wanted: n, Replicas: n, Ready: n, Available: n} }

const usual = `{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}`

func hold1(unavailable, surge string) string {
	return `{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":` + unavailable + `,"maxSurge":` + surge + `}}`
}

type want struct {
	settled bool
	why     Purpose
	field   map[Pointer]string // what the write makes of a field; "" is absent
	waits   string
}

func (x want) check(t *testing.T, got move) {
	t.Helper()
	if got.settled != x.settled || (got.write != nil) != (x.why != "") || !strings.Contains(got.waits, x.waits) {
		t.Fatalf("got %+v (write %+v), wanted %+v", got, got.write, x)
	}
	if got.write == nil {
		return
	}
	if got.write.Why != x.why || got.write.UID == "" {
		t.Errorf("the write is for %q on uid %q, not for %q", got.write.Why, got.write.UID, x.why)
	}
	if x.field != nil && len(got.write.Changes) != len(x.field) {
		t.Errorf("the write changes %d fields, not %d: %+v", len(got.write.Changes), len(x.field), got.write.Changes)
	}
	for _, c := range got.write.Changes {
		if to := x.field[c.Path]; x.field != nil && !Same(c.To, []byte(to)) {
			t.Errorf("%s becomes %s, not %s", c.Path, c.To, to)
		}
	}
}

func TestDeploymentToward(t *testing.T) {
	half, ten := Mix{Old: 5, New: 5}, Mix{Old: 10, New: 1}
	for name, test := range map[string]struct {
		w    *World
		do   func(w *World)
		mix  Mix
		want want
	}{
		"start: everything that holds in one write": {w: scene(oldTemplate, usual, pods(10), Version{}), mix: half,
			want: want{why: PurposeStart, field: map[Pointer]string{
				TemplateField: newTemplate, MinReadyField: "2147483646", DeadlineField: "2147483647", StrategyField: hold1("0", "1")}}},
		"start waits for an earlier rollout": {w: scene(oldTemplate, usual, pods(10), Version{}), mix: half,
			do:   func(w *World) { w.Others = []Version{{Hash: "older", Replicas: 2}} },
			want: want{waits: "2 Pods of an earlier version"}},
		"a look from before the write": {w: scene(newTemplate, hold1("0", "1"), pods(10), pods(1)), mix: ten,
			do:   func(w *World) { w.Workload.Generation = 5 },
			want: want{waits: "has not seen"}},
		"no new Pod made yet": {w: scene(newTemplate, hold1("0", "1"), pods(10), Version{}), mix: ten,
			want: want{waits: "0 of 1 new Pods are ready"}},
		"made, not ready": {w: scene(newTemplate, hold1("0", "1"), pods(10), Version{Wanted: 1, Replicas: 1}), mix: half,
			want: want{waits: "0 of 1 new Pods are ready"}},
		"there": {w: scene(newTemplate, hold1("0", "1"), pods(10), pods(1)), mix: ten,
			want: want{settled: true}},
		"one goes as one comes": {w: scene(newTemplate, hold1("0", "1"), pods(10), pods(1)), mix: half,
			want: want{why: PurposeMove, field: map[Pointer]string{StrategyField: hold1(`"10%"`, "1")}}},
		"the last one only goes": {w: scene(newTemplate, hold1(`"40%"`, "1"), pods(6), pods(5)), mix: half,
			want: want{why: PurposeMove, field: map[Pointer]string{StrategyField: hold1(`"50%"`, "0")}}},
		"an old Pod still ends": {w: scene(newTemplate, hold1(`"50%"`, "0"), Version{Wanted: 5, Replicas: 6, Ready: 6}, pods(5)), mix: half,
			want: want{waits: "old Pods"}},
		"a budget forbids": {w: scene(newTemplate, hold1("0", "1"), pods(10), pods(1)), mix: half,
			do:   func(w *World) { w.Budgets = []Budget{{Name: "all", CurrentHealthy: 11, DesiredHealthy: 11}} },
			want: want{waits: "PodDisruptionBudget all asks for 11 healthy Pods and has 11"}},
		"a budget allows one": {w: scene(newTemplate, hold1("0", "3"), pods(10), pods(3)), mix: half,
			do:   func(w *World) { w.Budgets = []Budget{{Name: "some", CurrentHealthy: 13, DesiredHealthy: 12}} },
			want: want{why: PurposeMove, field: map[Pointer]string{StrategyField: hold1(`"10%"`, "3")}}},
		"paused by someone": {w: scene(newTemplate, hold1("0", "1"), pods(10), pods(1)), mix: half,
			do: func(w *World) { w.Workload.Paused = true }, want: want{waits: "paused"}},
		"scaled to nothing": {w: scene(newTemplate, hold1("0", "1"), pods(0), pods(0)), mix: Mix{},
			do: func(w *World) { w.Workload.Replicas = 0 }, want: want{waits: "no replicas"}},
		"more new ones than asked for, after scaling": {w: scene(newTemplate, hold1(`"10%"`, "1"), pods(9), pods(2)), mix: ten,
			want: want{settled: true}},
		"gone": {w: &World{}, mix: half, want: want{waits: "does not exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.do != nil {
				test.do(test.w)
			}
			surge := 1
			if name == "a budget allows one" {
				surge = 3
			}
			test.want.check(t, deployment{}.toward(deploymentState(Canary, surge, usualFields()), test.w, test.mix))
		})
	}
}

func TestDeploymentBack(t *testing.T) {
	careful := hold1("0", `"25%"`)
	for name, test := range map[string]struct {
		w        *World
		original string
		do       func(s *State, w *World)
		want     want
	}{
		"never begun": {w: scene(oldTemplate, usual, pods(10), Version{}), want: want{settled: true}},
		"never begun, and the old version is not well": {w: scene(oldTemplate, usual, Version{Wanted: 10, Replicas: 10, Ready: 7}, Version{}),
			want: want{settled: true}},
		"gone": {w: &World{}, want: want{settled: true}},
		"held": {w: scene(newTemplate, hold1(`"50%"`, "0"), pods(5), pods(5)), want: want{why: PurposeBack, field: map[Pointer]string{
			TemplateField: oldTemplate, MinReadyField: "", DeadlineField: "600", StrategyField: careful}}},
		"held, and nothing seen by the controller": {w: scene(newTemplate, hold1("0", "1"), pods(10), Version{}),
			do:   func(_ *State, w *World) { w.Workload.Observed = 3 },
			want: want{why: PurposeBack}},
		"no surge of its own": {w: scene(newTemplate, hold1(`"10%"`, "0"), pods(9), pods(1)), original: hold1("1", "0"),
			want: want{why: PurposeBack, field: map[Pointer]string{
				TemplateField: oldTemplate, MinReadyField: "", DeadlineField: "600", StrategyField: hold1("0", "1")}}},
		"old ones come": {w: scene(oldTemplate, careful, Version{Wanted: 10, Replicas: 10, Ready: 9, Available: 8}, pods(2)),
			want: want{waits: "8 of 10 old Pods are available"}},
		"new ones go": {w: scene(oldTemplate, careful, pods(10), Version{Replicas: 1}), want: want{waits: "1 new Pods"}},
		"all back": {w: scene(oldTemplate, careful, pods(10), Version{}),
			want: want{why: PurposeRestore, field: map[Pointer]string{StrategyField: usual}}},
		"all back, as seen before the write": {w: scene(oldTemplate, careful, pods(10), Version{}),
			do:   func(_ *State, w *World) { w.Workload.Observed = 3 },
			want: want{waits: "has not seen"}},
		"an old Pod that never becomes available": {w: scene(oldTemplate, careful, Version{Wanted: 10, Replicas: 10, Ready: 9, Available: 9}, pods(1)),
			do:   func(s *State, _ *World) { s.Spent = s.Spec.Timeout/2 + 1 },
			want: want{why: PurposeRestore, field: map[Pointer]string{StrategyField: usual}}},
		"the strategy was careful all along": {w: scene(oldTemplate, careful, pods(10), Version{Wanted: 1, Replicas: 1}), original: careful,
			want: want{waits: "1 new Pods"}},
	} {
		t.Run(name, func(t *testing.T) {
			original := usualFields()
			if test.original != "" {
				original[StrategyField] = []byte(test.original)
			}
			s := deploymentState(Canary, 1, original)
			s.Spec.Timeout = 600e9
			if test.do != nil {
				test.do(s, test.w)
			}
			test.want.check(t, deployment{}.back(s, test.w))
		})
	}
}

func TestDeploymentRelease(t *testing.T) {
	released := scene(newTemplate, usual, pods(4), pods(10))
	delete(released.Live[deploymentRef].Fields, MinReadyField)
	released.Live[deploymentRef].Fields[DeadlineField] = []byte("600")
	for name, test := range map[string]struct {
		w    *World
		want want
	}{
		"all new": {scene(newTemplate, hold1(`"100%"`, "0"), Version{}, pods(10)),
			want{why: PurposeRelease, field: map[Pointer]string{MinReadyField: "", DeadlineField: "600", StrategyField: usual}}},
		"both whole": {scene(newTemplate, hold1("0", `"100%"`), pods(10), pods(10)), want{why: PurposeRelease}},
		"half new, not let go yet": {scene(newTemplate, hold1(`"50%"`, "0"), pods(5), pods(5)),
			want{why: PurposeMove, field: map[Pointer]string{StrategyField: hold1(`"50%"`, "1")}}},
		"let go, old ones end": {released, want{waits: "4 old Pods"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.check(t, deployment{}.release(deploymentState(Canary, 1, usualFields()), test.w))
		})
	}
}
