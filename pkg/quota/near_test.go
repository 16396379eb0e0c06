package quota

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// near is a small change to a fixture that takes the reason of one of its
// findings away: with it the rule must be silent, and everything else is as it was.
type near struct {
	Rule string `json:"rule"`
	// On is the object of the finding, where the fixture has several of the rule.
	On string `json:"object"`
	// Of is the object of the cluster that is changed, Sent the manifest.
	Of   string `json:"of"`
	Sent string `json:"sent"`
	// Set gives values to fields by their JSON pointers; null takes the field away.
	Set map[string]any `json:"set"`
	// Unknown are kinds that could not be read, Rehearsals other answers to dry runs.
	Unknown    map[snapshot.Kind]string `json:"unknown"`
	Rehearsals []Rehearsal              `json:"rehearsals"`
}

// Every rule fires in a fixture, and is silent in the same fixture a little
// aside of that: what makes the difference is known.
func TestEveryRuleFiresAndIsSilentNearby(t *testing.T) {
	fired, silent := map[string]bool{}, map[string]bool{}
	for _, c := range usageRuleCases() { // from series, which a fixture does not hold
		fired[c.want], silent[c.near] = true, true
	}
	for _, c := range pastCases() {
		fired["quota/runs-out"], silent["quota/runs-out"] = fired["quota/runs-out"] || c.fires, silent["quota/runs-out"] || !c.fires
	}
	for _, path := range ruletest.Files(t, "*") {
		f, documents := readFixture(t, path)
		for _, w := range f.Want {
			fired[w.Rule] = true
		}
		for i, n := range f.Near {
			silent[n.Rule] = true
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(path), ".yaml"), i), func(t *testing.T) {
				n.try(t, filepath.Base(filepath.Dir(path)), f, documents)
			})
		}
	}
	for _, id := range ruletest.Catalogue(t).IDs() {
		if !strings.HasPrefix(id, "quota/") {
			continue
		}
		if !fired[id] {
			t.Errorf("%s fires nowhere", id)
		}
		if !silent[id] {
			t.Errorf("%s has no near case in which it is silent", id)
		}
	}
}

func (n near) try(t *testing.T, room string, f fixture, documents [][]byte) {
	t.Helper()
	fires := func(w ruletest.Finding) bool { return w.Rule == n.Rule && (n.On == "" || w.Object == n.On) }
	if !slices.ContainsFunc(f.Want, fires) {
		t.Fatalf("%s does not fire without the change", n.Rule)
	}
	if n.Of != "" {
		documents = edited(t, documents, n.Of, n.Set)
	}
	if n.Sent != "" {
		sent := edited(t, ruletest.Split(t, []byte(f.Manifests)), n.Sent, n.Set)
		f.Manifests = string(bytes.Join(sent, []byte("\n---\n")))
	}
	if n.Unknown != nil {
		f.Unknown = n.Unknown
	}
	if n.Rehearsals != nil {
		f.Rehearsals = n.Rehearsals
	}
	state := stateOf(t, f, documents)
	var found []finding.Finding
	switch room {
	case "audit":
		found = auditFixture(t, f, state, lang.English).Findings
	case "check":
		found = checkFixture(t, f, state, lang.English).Findings
	case "headroom":
		found = headroomFixture(t, f, state, lang.English).Findings
	case "fit":
		found = fitFixture(t, f, state, lang.English).Findings
	default:
		t.Fatalf("no runner for %s", room)
	}
	for _, g := range found {
		if g.Rule == n.Rule && (n.On == "" || g.Object.String() == n.On) {
			t.Errorf("%s fires on %s still: %s", g.Rule, g.Object, g.Title)
		}
	}
}

// edited is the documents with fields of one of them set.
func edited(t *testing.T, documents [][]byte, object string, set map[string]any) [][]byte {
	t.Helper()
	out, changed := slices.Clone(documents), false
	for i, d := range out {
		var o map[string]any
		if err := yaml.Unmarshal(d, &o); err != nil {
			t.Fatal(err)
		}
		metadata, _ := o["metadata"].(map[string]any)
		if object != strings.ToLower(fmt.Sprint(o["kind"]))+"/"+fmt.Sprint(metadata["name"]) {
			continue
		}
		for pointer, value := range set {
			if err := setAt(o, strings.Split(strings.TrimPrefix(pointer, "/"), "/"), value); err != nil {
				t.Fatalf("%s of %s: %v", pointer, object, err)
			}
		}
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		out[i], changed = data, true
	}
	if !changed {
		t.Fatalf("there is no %s", object)
	}
	return out
}

// setAt sets one field; of what leads there nothing but maps may be missing.
func setAt(in any, path []string, value any) error {
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	switch at := in.(type) {
	case map[string]any:
		switch {
		case len(path) > 1:
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			return setAt(at[key], path[1:], value)
		case value == nil:
			delete(at, key)
		default:
			at[key] = value
		}
		return nil
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(at) {
			return fmt.Errorf("%q is no place in a list of %d", key, len(at))
		}
		if len(path) > 1 {
			return setAt(at[i], path[1:], value)
		}
		at[i] = value
		return nil
	}
	return fmt.Errorf("%q lies below a value", key)
}
