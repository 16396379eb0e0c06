package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// scene is a rollout at one moment: what is written down and what was seen.
type scene struct {
	name   string
	state  rollout.State
	world  *rollout.World
	seen   rollout.Event
	driver *RolloutDriver
	drift  *rollout.DriftError
}

func at(s int) time.Time { return takenAt.Add(time.Duration(s) * time.Second) }

func canaryState(phase rollout.Phase, step int) rollout.State {
	pause := rollout.Pause{For: rollout.Duration(2 * time.Minute)}
	return rollout.State{
		ID: "7ff1",
		Spec: rollout.Spec{
			Workload: rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Strategy: rollout.Canary, Via: rollout.ViaRatio,
			Services: []string{"web"}, OnFail: rollout.Rollback, Timeout: rollout.Duration(10 * time.Minute),
			Steps: []rollout.Step{{Weight: 5, Pause: pause}, {Weight: 25, Pause: pause}, {Weight: 50, Pause: rollout.Pause{Manual: true}}, {Weight: 100}},
			Gates: []rollout.GateSpec{{Kind: rollout.GateTime, Value: "1m"}, {Kind: rollout.GateCommand, Value: "./smoke.sh"}},
		},
		Phase: phase, Step: step, Started: at(-300), Since: at(-12), Seen: at(0), OldHash: "5d9c7b8f6c", NewHash: "7f88c4d95b", Replicas: 9,
		OldImages: []string{"shop/web:v1"}, NewImages: []string{"shop/web:v2"}, Gates: map[string]rollout.Answer{},
	}
}

func canaryWorld(oldReady, newReady, newWanted int) *rollout.World {
	return &rollout.World{
		At: at(0), Workload: &rollout.Workload{Replicas: 9},
		Old:      rollout.Version{Hash: "5d9c7b8f6c", Images: []string{"shop/web:v1"}, Wanted: oldReady, Ready: oldReady},
		New:      rollout.Version{Hash: "7f88c4d95b", Images: []string{"shop/web:v2"}, Wanted: newWanted, Ready: newReady},
		Services: []rollout.ServiceView{{Name: "web", Ready: map[string]int{"5d9c7b8f6c": oldReady, "7f88c4d95b": newReady}}},
	}
}

// Nobody takes traffic is not "the old version takes all of it", and a third version's part is neither's.
func TestWhoTakesTheTraffic(t *testing.T) {
	for _, c := range []struct {
		name     string
		ready    map[string]int
		old, new string
	}{
		{"no endpoint", map[string]int{}, "", ""},
		{"a third version", map[string]int{"5d9c7b8f6c": 2, "7f88c4d95b": 1, "": 1}, "50 %", "25 %"},
	} {
		s, w := canaryState(rollout.Judging, 1), canaryWorld(2, 1, 1)
		w.Services[0].Ready = c.ready
		d := described(s, w)
		d.Observed = 25
		v := NewRollout(&s, w, d, nil)
		if got, want := [2]string{percent(v.Versions[0].Observed), percent(v.Versions[1].Observed)}, [2]string{c.old, c.new}; got != want {
			t.Errorf("%s: old and new are seen at %q, want %q", c.name, got, want)
		}
	}
}

func described(s rollout.State, w *rollout.World) rollout.Event {
	e := rollout.Event{Time: at(0), Phase: s.Phase, Step: s.Step + 1, Asked: s.At().Weight, Reachable: s.At().Weight}
	if w != nil {
		e.Ready = rollout.Mix{Old: w.Old.Ready, New: w.New.Ready}
		e.Observed = e.Ready.Share()
	}
	return e
}

func scenes(l lang.Lang) []scene {
	leads := &RolloutDriver{Name: "ann@laptop", Leads: true, Seen: at(-1)}
	gone := &RolloutDriver{Name: "ann@laptop", Seen: at(-90)}
	of := func(name string, s rollout.State, w *rollout.World, d *RolloutDriver, change func(*scene)) scene {
		sc := scene{name: name, state: s, world: w, seen: described(s, w), driver: d}
		if change != nil {
			change(&sc)
		}
		return sc
	}
	return []scene{
		of("moving, the share cannot be reached exactly", canaryState(rollout.Shifting, 0), canaryWorld(9, 0, 1), leads, func(sc *scene) {
			sc.seen.Reachable = 10
			last := sc.seen
			last.Event, last.Message = rollout.EventLevel, "0 of 1 new Pods are ready"
			sc.state.Last = &last
		}),
		of("gates", canaryState(rollout.Judging, 1), canaryWorld(7, 2, 2), leads, func(sc *scene) {
			sc.state.Gates = map[string]rollout.Answer{
				"time=1m": {Result: rollout.Pending, Message: "12s of 1m"}, "command=./smoke.sh": {Result: rollout.Pass},
			}
		}),
		of("a planned pause", canaryState(rollout.Paused, 1), canaryWorld(7, 2, 2), leads, func(sc *scene) { sc.state.Waiting = rollout.WaitingTime }),
		of("a person is waited for", canaryState(rollout.Paused, 2), canaryWorld(5, 5, 5), leads, func(sc *scene) { sc.state.Waiting = rollout.WaitingPerson }),
		of("held after a failure", canaryState(rollout.Paused, 1), canaryWorld(7, 0, 2), leads, func(sc *scene) {
			sc.state.Waiting = rollout.WaitingFailed
			sc.world.New.Restarts = 3
			sc.state.Reason = &rollout.Reason{Cause: rollout.CauseRestarts, Message: "3 restarts: exit code 1", Findings: []finding.Finding{secretKeyMissing(l)}}
		}),
		of("a gate cannot decide", canaryState(rollout.Paused, 1), canaryWorld(7, 2, 2), leads, func(sc *scene) {
			sc.state.Waiting = rollout.WaitingInconclusive
			sc.state.Reason = &rollout.Reason{Cause: rollout.CauseNoAnswer, Gate: "command=./smoke.sh", Message: "exit code 3"}
			sc.state.Gates = map[string]rollout.Answer{"command=./smoke.sh": {Result: rollout.Inconclusive, Message: "exit code 3"}}
		}),
		of("abandoned, and nobody looked", canaryState(rollout.Shifting, 1), nil, gone, nil),
		of("left on the way back", canaryState(rollout.Aborting, 1), canaryWorld(8, 1, 1), gone, func(sc *scene) {
			sc.state.Reason = &rollout.Reason{Cause: rollout.CauseAsked, By: "kim"}
			last := sc.seen
			last.Event, last.Message = rollout.EventHeld, "the rollback is incomplete: 8 of 10 old Pods are available"
			sc.state.Last = &last
		}),
		of("going back", canaryState(rollout.Aborting, 1), canaryWorld(8, 1, 0), leads, func(sc *scene) {
			sc.state.Reason = &rollout.Reason{Cause: rollout.CauseGate, Gate: "command=./smoke.sh", Message: "exit code 1"}
		}),
		of("blue-green keeps the old version", blueGreen(), canaryWorld(9, 9, 9), leads, func(sc *scene) {
			sc.seen.Observed = 100
			sc.world.Services[0].Ready["5d9c7b8f6c"] = 0
		}),
		of("hostile", canaryState(rollout.Shifting, 0), canaryWorld(9, 0, 1), &RolloutDriver{Name: "x\x1b[2J\nERROR", Leads: true}, func(sc *scene) {
			sc.state.NewImages = []string{"evil\x1b[31m\u202eimage"}
		}),
		of("left, and changed by someone else", canaryState(rollout.Judging, 1), canaryWorld(7, 2, 2), gone, func(sc *scene) {
			sc.drift = &rollout.DriftError{Object: rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Path: rollout.TemplateField, Manager: "argocd-controller", At: at(-40)}
		}),
	}
}

func blueGreen() rollout.State {
	s := canaryState(rollout.Keeping, 1)
	s.Spec.Strategy, s.Spec.Via, s.Spec.Preview = rollout.BlueGreen, rollout.ViaService, "web-preview"
	s.Spec.Steps = []rollout.Step{{Weight: 0, Pause: rollout.Pause{Manual: true}}, {Weight: 100}}
	s.Spec.Gates, s.Spec.Keep = nil, rollout.Duration(10*time.Minute)
	return s
}

func (sc *scene) report(l lang.Lang) RolloutReport {
	v := NewRollout(&sc.state, sc.world, sc.seen, sc.driver)
	v.Drift = sc.drift
	var findings []finding.Finding
	if sc.drift != nil {
		catalogue, err := finding.LoadCatalogue()
		if err != nil {
			panic(err)
		}
		findings = plan.Drifted(sc.state.Spec.Workload, *sc.drift, plan.Options{Lang: l, Catalogue: catalogue})
	}
	if sc.state.Reason != nil {
		findings = sc.state.Reason.Findings
	}
	return RolloutReport{Report: finding.NewReport("rollout status", takenAt, finding.Scope{Namespace: "shop", Targets: []string{"deployment/web"}}, findings, nil, 5), Rollout: v}
}

func TestRolloutStatusGolden(t *testing.T) {
	for _, l := range lang.All() {
		var all strings.Builder
		for _, sc := range scenes(l) {
			for _, v := range []view{{"pipe", Options{Lang: l}}, {"width 80", Options{Lang: l, Width: 80}}, {"width 60, ascii", Options{Lang: l, Width: 60, ASCII: true}}} {
				if v.name != "pipe" && sc.name != "gates" && sc.name != "held after a failure" {
					continue
				}
				var b bytes.Buffer
				if err := WriteRollout(&b, sc.report(l), v.o); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&all, "===== %s, %s\n%s", sc.name, v.name, b.String())
			}
		}
		golden(t, "rollout-status."+string(l)+".txt", all.String())
	}
}

func TestRolloutLiveGolden(t *testing.T) {
	for _, l := range lang.All() {
		var all strings.Builder
		sc := scenes(l)[2]
		for _, o := range []Options{{Lang: l, Width: 80}, {Lang: l, Width: 80, Color: true}} {
			text, err := RolloutLive(sc.report(l).Rollout, at(30), "KEYS", o)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&all, "===== colour %v\n%s", o.Color, text)
		}
		golden(t, "rollout-live."+string(l)+".txt", all.String())
	}
}

func TestRolloutEndGolden(t *testing.T) {
	for _, l := range lang.All() {
		var all strings.Builder
		for _, end := range []Ending{EndPromoted, EndAborted, EndPaused, EndInterrupted, EndIncomplete} {
			for _, why := range []*rollout.Reason{nil, {Cause: rollout.CauseAsked, By: "ann"}, {Cause: rollout.CauseNotReady, Message: "0 of 2 new Pods are ready", Findings: []finding.Finding{secretKeyMissing(l)}}} {
				phase := map[Ending]rollout.Phase{EndPromoted: rollout.Promoted, EndAborted: rollout.Aborted, EndPaused: rollout.Paused, EndInterrupted: rollout.Shifting, EndIncomplete: rollout.Aborting}[end]
				sc := scene{state: canaryState(phase, 1), world: canaryWorld(9, 0, 0)}
				if end == EndPaused {
					sc.state.Waiting = rollout.WaitingPerson
				}
				sc.state.Reason, sc.seen = why, described(sc.state, sc.world)
				var b bytes.Buffer
				if err := WriteRolloutEnd(&b, sc.report(l), end, "2 of 9 old Pods are available", Options{Lang: l, Width: 80}); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&all, "===== %s\n%s", end, b.String())
			}
		}
		golden(t, "rollout-end."+string(l)+".txt", all.String())
	}
}

func TestRolloutLinesGolden(t *testing.T) {
	paused := canaryState(rollout.Paused, 1)
	paused.Waiting = rollout.WaitingTime
	failed := canaryState(rollout.Shifting, 1)
	failed.Reason = &rollout.Reason{Cause: rollout.CauseNotReady, Message: "0 of 2 new Pods are ready"}
	moving := canaryState(rollout.Shifting, 1)
	e := func(kind rollout.EventKind, phase rollout.Phase, gate, message string) rollout.Event {
		return rollout.Event{Time: at(0), Event: kind, Phase: phase, Step: 2, Asked: 25, Reachable: 22.2, Observed: 22.2, Ready: rollout.Mix{Old: 7, New: 2}, Gate: gate, Message: message}
	}
	for _, l := range lang.All() {
		var all strings.Builder
		for _, c := range []struct {
			e rollout.Event
			s *rollout.State
		}{
			{e(rollout.EventPhase, rollout.Starting, "", ""), &moving},
			{e(rollout.EventWrite, rollout.Shifting, "", "move deployment/web"), &moving},
			{e(rollout.EventStep, rollout.Shifting, "", "gates passed, a step follows"), &moving},
			{e(rollout.EventLevel, rollout.Shifting, "", "1 of 2 new Pods are ready"), &moving},
			{e(rollout.EventPhase, rollout.Judging, "", ""), &moving},
			{e(rollout.EventGate, rollout.Judging, "command=./smoke.sh", "fail: exit code 1"), &moving},
			{e(rollout.EventPhase, rollout.Paused, "", ""), &paused},
			{e(rollout.EventAsked, rollout.Paused, "", "promote, by ann"), &paused},
			{e(rollout.EventRetry, rollout.Shifting, "", "the API server\nsaid \x1b[31mno"), &moving},
			{e(rollout.EventFailed, rollout.Shifting, "", "0 of 2 new Pods are ready"), &failed},
			{e(rollout.EventHeld, rollout.Shifting, "", "interrupted"), &moving},
			{e(rollout.EventOver, rollout.Promoted, "", ""), &moving},
			{e(rollout.EventOver, rollout.Aborted, "", ""), &moving},
		} {
			line, err := RolloutLine(c.e, c.s, Options{Lang: l})
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(line + "\n")
		}
		golden(t, "rollout-lines."+string(l)+".txt", all.String())
	}
}

func TestRolloutListGolden(t *testing.T) {
	for _, l := range lang.All() {
		var all strings.Builder
		var some []Rollout
		for _, sc := range scenes(l) {
			some = append(some, sc.report(l).Rollout)
		}
		missed := []finding.NotChecked{{What: "configmaps", Why: "forbidden: list configmaps in namespace pay"}}
		for _, list := range []RolloutList{
			NewRolloutList(takenAt, finding.Scope{Namespace: "shop"}, some, nil),
			NewRolloutList(takenAt, finding.Scope{}, some[:2], missed),
			NewRolloutList(takenAt, finding.Scope{Namespace: "shop"}, nil, nil),
			NewRolloutList(takenAt, finding.Scope{Namespace: "shop"}, nil, missed),
		} {
			var b bytes.Buffer
			if err := WriteRolloutList(&b, list, Options{Lang: l}); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&all, "=====\n%s", b.String())
		}
		golden(t, "rollout-list."+string(l)+".txt", all.String())
	}
}

// TestRolloutJSON holds the fields that scripts are promised, written out by hand; what was not seen is null, never 0.
func TestRolloutJSON(t *testing.T) {
	for _, sc := range scenes(lang.English) {
		var b bytes.Buffer
		if err := WriteRollout(&b, sc.report(lang.English), Options{Format: JSON}); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Verdict string
			Rollout map[string]any
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"workload", "strategy", "router", "phase", "step", "steps", "versions", "gates", "driver", "since", "lastEvent", "abandoned"} {
			if _, ok := got.Rollout[key]; !ok {
				t.Errorf("%s: no %s", sc.name, key)
			}
		}
		versions, _ := got.Rollout["versions"].([]any)
		if len(versions) != 2 {
			t.Fatalf("%s: %v", sc.name, versions)
		}
		for _, version := range versions {
			v, _ := version.(map[string]any)
			for _, key := range []string{"hash", "images", "ready", "asked", "observed"} {
				if _, ok := v[key]; !ok {
					t.Errorf("%s: versions have no %s", sc.name, key)
				}
			}
			if seen := v["ready"] != nil; seen != (sc.world != nil) {
				t.Errorf("%s: ready is %v", sc.name, v["ready"])
			}
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Errorf("%s drives the terminal", sc.name)
		}
	}
}

// rolloutTexts are the ids that are put together from closed sets, and the arguments of those texts.
func rolloutTexts() ([]string, map[string]any) {
	var ids []string
	add := func(prefix string, words ...string) {
		for _, w := range words {
			ids = append(ids, "rollout-"+prefix+"-"+w)
		}
	}
	add("strategy", string(rollout.Canary), string(rollout.BlueGreen))
	add("version", "old", "new")
	for _, p := range []rollout.Phase{rollout.Starting, rollout.Shifting, rollout.Judging, rollout.Paused, rollout.Keeping, rollout.Releasing, rollout.Aborting, rollout.Promoted, rollout.Aborted} {
		add("phase", string(p))
	}
	for _, w := range []rollout.Waiting{rollout.WaitingTime, rollout.WaitingPerson, rollout.WaitingInconclusive, rollout.WaitingFailed, rollout.WaitingAsked} {
		add("waiting", string(w))
		add("now", string(w))
	}
	add("now", string(rollout.Starting), string(rollout.Shifting), string(rollout.Judging), string(rollout.Releasing), string(rollout.Aborting), string(rollout.Keeping))
	add("role", string(RoleOld), string(RoleNew), string(RoleOther))
	add("result", string(rollout.Pass), string(rollout.Fail), string(rollout.Inconclusive), string(rollout.NoData), string(rollout.Pending), "open")
	for _, c := range []rollout.Cause{rollout.CauseAsked, rollout.CauseNotReady, rollout.CauseRestarts, rollout.CauseGate, rollout.CauseNoAnswer, rollout.CauseRefused, rollout.CauseGone} {
		add("cause", string(c))
	}
	for _, k := range []rollout.EventKind{rollout.EventStep, rollout.EventLevel, rollout.EventWrite, rollout.EventGate, rollout.EventAsked, rollout.EventRetry, rollout.EventFailed, rollout.EventHeld, rollout.EventOver} {
		add("line", string(k))
	}
	for _, w := range []rollout.Purpose{rollout.PurposePin, rollout.PurposeStart, rollout.PurposeMove, rollout.PurposeFlip, rollout.PurposeRelease, rollout.PurposeBack, rollout.PurposeRestore, rollout.PurposeReplace, rollout.PurposeUnmark} {
		add("write", string(w))
	}
	for _, e := range []Ending{EndPromoted, EndAborted, EndPaused, EndInterrupted, EndIncomplete} {
		add("end", string(e))
	}
	for _, v := range []verb{verbPromote, verbResume, verbAbort} {
		add("to", string(v))
	}
	add("to", "promote-anyway", "resume-anyway", "promote-or-resume", "resume-or-promote")
	add("phase", "reached")
	add("list", "none", "unseen")
	args := map[string]any{"old": 1, "new": 2, "step": 1, "steps": 4, "promoted": true, "over": true}
	for _, name := range []string{"workload", "strategy", "where", "phase", "since", "asked", "reachable", "observed", "gate", "gates", "at", "by", "left", "preview", "for", "weight", "ago", "images", "reason", "detail", "waiting"} {
		args[name] = "x"
	}
	return ids, args
}

// After a rollback nobody is sent to the log of a Pod that is gone.
func TestAdviceAfterARollback(t *testing.T) {
	f := finding.Finding{
		Object: finding.Ref{Kind: "Pod", Namespace: "shop", Name: "web-7f88-x"}, Chain: []string{"deployment/web", "pod/web-7f88-x"},
		Fix: []finding.Fix{{Text: "Read the log.", Command: "kubectl -n shop logs web-7f88-x --previous"}, {Text: "Set the password.", Command: "kubectl -n shop set env deploy/web PASSWORD=..."}},
	}
	if got := stillPossible(f); len(got) != 1 || got[0].Text != "Set the password." {
		t.Errorf("%+v", got)
	}
	if len(f.Fix) != 2 {
		t.Error("the finding itself is changed")
	}
	for phase, sent := range map[rollout.Phase]bool{rollout.Aborted: false, rollout.Paused: true} {
		sc := scene{state: canaryState(phase, 1)}
		sc.state.Waiting, sc.state.Reason = rollout.WaitingFailed, &rollout.Reason{Cause: rollout.CauseRestarts, Findings: []finding.Finding{f}}
		var b bytes.Buffer
		if err := WriteRollout(&b, sc.report(lang.English), Options{Lang: lang.English, Width: 200}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); strings.Contains(got, "logs web-7f88-x") != sent || !strings.Contains(got, "Set the password.") {
			t.Errorf("%s: the status says\n%s", phase, got)
		}
	}
}

// What is not told by the images is told by name, and never with a value: it may be a secret.
func TestWhatChanges(t *testing.T) {
	secret := rollout.Edit{Env: []rollout.EnvEdit{{Name: "TOKEN", Value: "s3cret"}, {Container: "app", Name: "DEBUG", Remove: true}}, Patch: []byte("{}")}
	for name, c := range map[string]struct {
		images []string
		edit   rollout.Edit
		row    string
	}{
		"the same images":  {[]string{"shop/web:v1"}, secret, "  change  env TOKEN, env app:DEBUG-, patch\n"},
		"a new image":      {[]string{"shop/web:v2"}, secret, ""},
		"nobody knows any": {[]string{"shop/web:v1"}, rollout.Edit{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sc := scene{state: canaryState(rollout.Aborted, 1)}
			sc.state.NewImages, sc.state.Spec.Edit = c.images, c.edit
			var b bytes.Buffer
			if err := WriteRollout(&b, sc.report(lang.English), Options{Lang: lang.English, Width: 200}); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			if strings.Contains(got, "change") != (c.row != "") || !strings.Contains(got, c.row) || strings.Contains(got, "s3cret") {
				t.Errorf("%s", got)
			}
		})
	}
}

// Where a step has no gate, none is said to be asked or to have passed.
func TestAStepWithoutGates(t *testing.T) {
	for _, c := range []struct {
		gates        []rollout.GateSpec
		line, person string
	}{
		{nil, "the step is reached", "it waits for a person"},
		{[]rollout.GateSpec{{Kind: rollout.GateTime, Value: "1m"}}, "asking the gates", "the gates have passed; it waits for a person"},
	} {
		s := canaryState(rollout.Judging, 1)
		s.Spec.Gates = c.gates
		for full, want := range map[bool]string{false: c.line, true: "the step is reached"} {
			s.Full = full // a person has passed all gates
			line, err := RolloutLine(rollout.Event{Event: rollout.EventPhase, Phase: rollout.Judging}, &s, Options{Lang: lang.English})
			if err != nil || !strings.HasSuffix(line, "  "+want) {
				t.Errorf("%v: %q, want %q", err, line, want)
			}
		}
		sc := scene{state: s, driver: &RolloutDriver{Name: "ann", Leads: true}}
		sc.state.Phase, sc.state.Waiting = rollout.Paused, rollout.WaitingPerson
		var b bytes.Buffer
		if err := WriteRollout(&b, sc.report(lang.English), Options{Lang: lang.English, Width: 200}); err != nil || !strings.Contains(b.String(), "now     "+c.person+"\n") {
			t.Errorf("%v:\n%s", err, b.String())
		}
	}
}

// A person who asks to pause while the old version is kept is not told of a time at which it goes.
func TestKeptUntilAPersonComes(t *testing.T) {
	sc := scene{state: blueGreen(), driver: &RolloutDriver{Name: "ann", Leads: true}}
	sc.state.PauseAsked = true
	var b bytes.Buffer
	if err := WriteRollout(&b, sc.report(lang.English), Options{Lang: lang.English, Width: 200}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"! blue-green of ", "the old one is kept until a person lets it go on\n", "to go on as planned:\n", "kubectl msa rollout resume deployment/web"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("does not say %q:\n%s", part, b.String())
		}
	}
}

// Of a workload that was deleted nobody may say that it was rolled back.
func TestRolloutOfWhatIsGone(t *testing.T) {
	for l, says := range map[lang.Lang]struct{ line, end string }{
		lang.English: {"over: the workload was deleted, nothing is left to put back", "was deleted, and its rollout is over: nothing is left to put back"},
		lang.Korean:  {"종료: 워크로드가 삭제되어 되돌릴 것이 없습니다", "오브젝트가 삭제되어 롤아웃을 끝냈습니다. 되돌릴 것이 없습니다"},
	} {
		sc := scene{state: canaryState(rollout.Aborted, 1), world: canaryWorld(0, 0, 0)}
		sc.state.Reason, sc.seen = &rollout.Reason{Cause: rollout.CauseGone}, described(sc.state, sc.world)
		var b bytes.Buffer
		if err := WriteRolloutEnd(&b, sc.report(l), EndAborted, "", Options{Lang: l, Width: 200}); err != nil {
			t.Fatal(err)
		}
		line, err := RolloutLine(rollout.Event{Event: rollout.EventOver, Phase: rollout.Aborted}, &sc.state, Options{Lang: l})
		if err != nil || !strings.Contains(line, says.line) || !strings.Contains(b.String(), says.end) {
			t.Errorf("%v\n%s\n%s", err, line, b.String())
		}
	}
}
