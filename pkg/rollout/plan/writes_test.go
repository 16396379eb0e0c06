package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

var (
	svcRef = rollout.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	webRef = rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
)

// blueGreen are the writes of a blue-green rollout, in short.
func blueGreen() []rollout.Write {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	change := func(p rollout.Pointer, from, to string) rollout.Change {
		c := rollout.Change{Path: p}
		if from != "" {
			c.From = raw(from)
		}
		if to != "" {
			c.To = raw(to)
		}
		return c
	}
	const plain, blue, green = `{"app":"web"}`, `{"app":"web","hash":"old"}`, `{"app":"web","hash":"new"}`
	return []rollout.Write{
		{Object: svcRef, Why: rollout.PurposePin, Changes: []rollout.Change{change(rollout.SelectorField, plain, blue)}},
		{Object: webRef, Why: rollout.PurposeStart, Changes: []rollout.Change{change(rollout.MinReadyField, "", "9"), change(rollout.TemplateField, `"v1"`, `"v2"`)}},
		{Object: svcRef, Why: rollout.PurposeFlip, Changes: []rollout.Change{change(rollout.SelectorField, blue, green)}},
		{Object: webRef, Why: rollout.PurposeRelease, Changes: []rollout.Change{change(rollout.MinReadyField, "9", "")}},
		{Object: svcRef, Why: rollout.PurposeRestore, Changes: []rollout.Change{change(rollout.SelectorField, green, plain)}},
		{Object: svcRef, Why: rollout.PurposeUnmark, Changes: []rollout.Change{change(rollout.MarkField, `"token"`, "")}},
		{Object: rollout.Ref{Kind: "Pod", Name: "web-1"}, Why: rollout.PurposeReplace, Delete: true},
	}
}

// Each dry run is sent against the live object, so it carries what the writes before it did; what is as it was is not sent.
func TestTrials(t *testing.T) {
	var got []string
	for _, trial := range Trials(blueGreen()) {
		var parts []string
		for _, c := range trial.Changes {
			parts = append(parts, string(c.Path)+" "+string(c.From)+" -> "+string(c.To))
		}
		got = append(got, strings.Join(parts, "; "))
	}
	want := []string{
		`/spec/selector {"app":"web"} -> {"app":"web","hash":"old"}`,
		`/spec/minReadySeconds  -> 9; /spec/template "v1" -> "v2"`,
		`/spec/selector {"app":"web"} -> {"app":"web","hash":"new"}`,
		`/spec/template "v1" -> "v2"`,
		"", "", "",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Each diff is from what the write before left, without what the API server keeps for itself.
func TestWrites(t *testing.T) {
	object := func(spec string) json.RawMessage {
		return json.RawMessage(`{"kind":"X","metadata":{"name":"web","resourceVersion":"7","generation":3,"uid":"u","managedFields":[{}]},"spec":` + spec + `,"status":{"n":1}}`)
	}
	trials := Trials(blueGreen())
	answers := []string{`{"selector":{"app":"web","hash":"old"}}`, `{"minReadySeconds":9,"template":"v2"}`, `{"selector":{"app":"web","hash":"new"}}`, `{"template":"v2"}`}
	before := map[rollout.Ref]json.RawMessage{svcRef: object(`{"selector":{"app":"web"}}`), webRef: object(`{"template":"v1"}`)}
	for i, after := range answers {
		trials[i].Before, trials[i].After = before[trials[i].Write.Object], object(after)
	}
	var diffs []string
	for _, w := range writes(trials) {
		var lines []string
		for _, l := range strings.Split(w.Diff, "\n") {
			if strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") {
				lines = append(lines, l)
			}
		}
		diffs = append(diffs, strings.Join(lines, "|"))
		if want := w.N <= 5; w.Checked != want {
			t.Errorf("write %d: checked %v", w.N, w.Checked)
		}
		for _, never := range []string{"resourceVersion", "generation", "uid", "managedFields", "status"} {
			if strings.Contains(w.Diff, never) {
				t.Errorf("write %d shows %s:\n%s", w.N, never, w.Diff)
			}
		}
	}
	want := []string{
		"+    hash: old", "-  template: v1|+  minReadySeconds: 9|+  template: v2", "-    hash: old|+    hash: new",
		"-  minReadySeconds: 9", "-    hash: new", "", "",
	}
	if d := cmp.Diff(want, diffs); d != "" {
		t.Error(d)
	}
	all := writes(trials)
	if d := cmp.Diff([]string{"spec.minReadySeconds", "spec.template"}, all[1].Fields); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"metadata.labels.kubectl-msa.dev/rollout"}, all[5].Fields); d != "" {
		t.Error(d)
	}
}

// What could not be tried, or was refused, says so.
func TestWritesUnasked(t *testing.T) {
	trials := Trials(blueGreen()[:2])
	trials[0].Refused, trials[1].Unasked = "no", "timed out"
	all := writes(trials)
	if !all[0].Checked || all[0].Refused != "no" || all[0].Diff != "" || all[1].Checked {
		t.Errorf("%+v", all)
	}
}
