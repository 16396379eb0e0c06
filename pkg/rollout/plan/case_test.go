package plan

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// scene is one case of a rule: the base with what is different, and what must be said.
// The file is named after the rule.
type scene struct {
	Name string `json:"name"`
	// Spec is what is asked for; what it leaves out is image app=shop/web:v2 for deployment/web, with a step of 50.
	Spec rollout.Spec `json:"spec"`
	// Change merges into objects of the base (RFC 7386), by "kind/name"; null takes one away.
	Change map[string]json.RawMessage `json:"change"`
	// Objects are added.
	Objects []json.RawMessage `json:"objects"`
	// Unknown kinds could not be read.
	Unknown []snapshot.Kind `json:"unknown"`
	Holder  *Holder         `json:"holder"`
	Access  []Access        `json:"access"`
	// Refused are answers of the API server, by object.
	Refused map[string]string `json:"refused"`

	// Want are the rule's findings; Other are those of other rules that come with it.
	Want  []wanted `json:"want"`
	Other []string `json:"other"`
}

type wanted struct {
	Severity   finding.Severity   `json:"severity"`
	Confidence finding.Confidence `json:"confidence"`
	Object     string             `json:"object"`
	// Says are parts that the English text, evidence or steps must hold, Not are parts that they must not.
	Says []string `json:"says"`
	Not  []string `json:"not"`
}

func scenes(t *testing.T) map[string][]scene {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "rules", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenes: %v", err)
	}
	out := map[string][]scene{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all []scene
		if err := yaml.UnmarshalStrict(data, &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out["rollout/"+strings.TrimSuffix(filepath.Base(file), ".yaml")] = all
	}
	return out
}

func TestRules(t *testing.T) {
	for rule, all := range scenes(t) {
		for _, c := range all {
			t.Run(rule+"/"+c.Name, func(t *testing.T) {
				report := c.report(t, lang.English)
				var mine []finding.Finding
				var others []string
				for _, f := range report.Findings {
					if f.Rule == rule {
						mine = append(mine, f)
					} else {
						others = append(others, f.Rule)
					}
				}
				if d := cmp.Diff(c.Other, others); d != "" {
					t.Errorf("other findings (-want +got): %s", d)
				}
				if len(mine) != len(c.Want) {
					t.Fatalf("%d findings, want %d: %+v", len(mine), len(c.Want), mine)
				}
				for i, w := range c.Want {
					w.check(t, mine[i])
				}
				korean := c.report(t, lang.Korean)
				if len(korean.Findings) != len(report.Findings) || korean.Refused() != report.Refused() {
					t.Errorf("in Korean %d findings, in English %d", len(korean.Findings), len(report.Findings))
				}
			})
		}
	}
}

func (w wanted) check(t *testing.T, f finding.Finding) {
	t.Helper()
	if w.Severity != "" && f.Severity != w.Severity || w.Object != "" && f.Object.String() != w.Object || w.Confidence != "" && f.Confidence != w.Confidence {
		t.Errorf("%s, %s, of %s", f.Severity, f.Confidence, f.Object)
	}
	said := f.Title + "\n" + f.Why
	for _, e := range f.Evidence {
		said += "\n" + e.Object + " " + e.Path + ": " + e.Value
	}
	for _, step := range f.Fix {
		said += "\n" + step.Text + "\n" + step.Command
	}
	for _, part := range w.Says {
		if !strings.Contains(said, part) {
			t.Errorf("does not say %q:\n%s", part, said)
		}
	}
	for _, part := range w.Not {
		if strings.Contains(said, part) {
			t.Errorf("says %q:\n%s", part, said)
		}
	}
}

// Every rule fires in a scene and is silent in another one of its own, and stands in the catalogue; and no other does.
func TestEveryRuleFiresAndKeepsSilent(t *testing.T) {
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	all := scenes(t)
	known := map[string]bool{}
	for _, r := range (&draft{}).rules() {
		known[r.ID] = true
		if _, ok := c[r.ID]; !ok {
			t.Errorf("%s is not in the catalogue", r.ID)
		}
		fires := slices.ContainsFunc(all[r.ID], func(c scene) bool { return len(c.Want) > 0 })
		silent := slices.ContainsFunc(all[r.ID], func(c scene) bool { return len(c.Want) == 0 })
		if !fires || !silent {
			t.Errorf("%s: fires %v, keeps silent %v", r.ID, fires, silent)
		}
	}
	for id := range c {
		if strings.HasPrefix(id, "rollout/") && !known[id] {
			t.Errorf("%s is in the catalogue and no rule finds it", id)
		}
	}
	for id := range all {
		if !known[id] {
			t.Errorf("%s has scenes and is no rule", id)
		}
	}
}

func (c scene) report(t *testing.T, l lang.Lang) Report {
	t.Helper()
	s, in := c.input(t)
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Make(s, in, Options{Lang: l, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		text := f.Title + f.Why
		for _, step := range f.Fix {
			text += step.Text + step.Command
		}
		if strings.Contains(text, "render text:") || strings.Contains(text, "parse text:") || strings.Contains(text, "<no value>") {
			t.Errorf("%s in %s: %s", f.Rule, l, text)
		}
		if len(f.Fix) == 0 {
			t.Errorf("%s in %s: no next step", f.Rule, l)
		}
	}
	if report.Refused() != report.Plan.Refused {
		t.Error("the plan and the report differ on whether it is refused")
	}
	return report
}

func (c scene) input(t *testing.T) (*snapshot.Snapshot, Input) {
	t.Helper()
	raw := c.objects(t)
	var documents strings.Builder
	for _, o := range raw {
		text, err := yaml.JSONToYAML(o)
		if err != nil {
			t.Fatal(err)
		}
		documents.WriteString("---\n" + string(text))
	}
	s := cluster(t, documents.String(), c.Unknown...)
	spec := c.Spec
	if spec.Workload.Kind == "" {
		spec.Workload = rollout.Ref{Kind: "Deployment", Name: "web"}
	}
	if spec.Steps == nil && spec.Strategy != rollout.BlueGreen {
		spec.Steps = []rollout.Step{{Weight: 50}}
	}
	if e := spec.Edit; e.Images == nil && e.Patch == nil && e.Env == nil {
		spec.Edit.Images = map[string]string{"app": "shop/web:v2"}
	}
	spec, err := Complete(s, spec)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{State: &rollout.State{Spec: spec}, Holder: c.Holder, Access: c.Access, Live: map[rollout.Ref]json.RawMessage{}}
	for key, o := range raw {
		kind, name, _ := strings.Cut(key, "/")
		in.Live[rollout.Ref{Kind: kind, Namespace: "shop", Name: name}] = o
	}
	in.State.Template, in.Notes, err = spec.Edit.Template(in.Live[spec.Workload], nil)
	in.NothingToDo = errors.Is(err, rollout.ErrNothingToDo)
	if err != nil && !in.NothingToDo {
		t.Fatal(err)
	}
	for object, message := range c.Refused {
		kind, name, _ := strings.Cut(object, "/")
		write := rollout.Write{Object: rollout.Ref{Kind: kind, Namespace: "shop", Name: name}, Why: rollout.PurposeStart}
		in.Trials = append(in.Trials, Trial{Write: write, Refused: message})
	}
	return s, in
}

// objects is the base with the changes, by "Kind/name".
func (c scene) objects(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "base.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	add := func(raw []byte) {
		var head struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		out[head.Kind+"/"+head.Metadata.Name] = raw
	}
	for _, d := range ruletest.Split(t, data) {
		raw, err := yaml.YAMLToJSON(d)
		if err != nil {
			t.Fatal(err)
		}
		add(raw)
	}
	for key, change := range c.Change {
		if out[key] == nil {
			t.Fatalf("the base has no %s", key)
		}
		if string(change) == "null" {
			delete(out, key)
			continue
		}
		var object, patch any
		if err := errors.Join(json.Unmarshal(out[key], &object), json.Unmarshal(change, &patch)); err != nil {
			t.Fatal(err)
		}
		merged, err := json.Marshal(mergePatch(object, patch))
		if err != nil {
			t.Fatal(err)
		}
		out[key] = merged
	}
	for _, o := range c.Objects {
		add(o)
	}
	return out
}

// mergePatch is RFC 7386.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out, ok := target.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = mergePatch(out[k], v)
	}
	return out
}
