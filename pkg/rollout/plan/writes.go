package plan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Trial is one write of the rollout, and what the API server says of it.
type Trial struct {
	Write rollout.Write
	// Changes are the object's changes up to and with this write: what to send as a dry run against the live object, so
	// that its answer is the object as it will be then. Empty where there is nothing to try: a deleted Pod, a mark.
	Changes []rollout.Change
	// Before is the live object, After the one that the dry run gave; nil where it was not asked.
	Before, After json.RawMessage
	// Refused is what the API server said against it; Unasked is why it could not be asked.
	Refused, Unasked string
}

// Trials prepares the dry runs of a rollout's writes. The mark is left out: it is
// on the objects only while they are written to.
func Trials(all []rollout.Write) []Trial {
	reached := map[rollout.Ref][]rollout.Change{}
	out := make([]Trial, 0, len(all))
	for _, w := range all {
		t := Trial{Write: w}
		sum := slices.Clone(reached[w.Object])
		for _, c := range w.Changes {
			if c.Path == rollout.MarkField {
				continue
			}
			at := slices.IndexFunc(sum, func(known rollout.Change) bool { return known.Path == c.Path })
			if at < 0 {
				sum = append(sum, c)
			} else {
				sum[at].To = c.To
			}
		}
		reached[w.Object] = sum
		if !w.Delete && w.Why != rollout.PurposeUnmark {
			t.Changes = effective(sum)
		}
		out = append(out, t)
	}
	return out
}

// effective leaves out what is as it was again.
func effective(all []rollout.Change) []rollout.Change {
	var out []rollout.Change
	for _, c := range all {
		if !rollout.Same(c.From, c.To) {
			out = append(out, c)
		}
	}
	return out
}

// writes shows each write as what it changes of the object that the write before left.
func writes(trials []Trial) []Write {
	live, last := map[rollout.Ref]json.RawMessage{}, map[rollout.Ref]json.RawMessage{}
	out := make([]Write, 0, len(trials))
	for i, t := range trials {
		r := t.Write.Object
		w := Write{N: i + 1, Object: r, Purpose: t.Write.Why, Refused: t.Refused, Fields: []string{}}
		for _, c := range t.Write.Changes {
			w.Fields = append(w.Fields, field(c.Path))
		}
		if live[r] == nil {
			live[r], last[r] = t.Before, t.Before
		}
		after := t.After
		if t.restores() {
			after = live[r]
		}
		if after != nil {
			w.Diff, last[r] = unified(last[r], after), after
		}
		w.Checked = after != nil || t.Refused != ""
		out = append(out, w)
	}
	return out
}

// restores says that the write leaves the object as it is now, so that nothing is to be asked.
func (t Trial) restores() bool {
	touches := slices.ContainsFunc(t.Write.Changes, func(c rollout.Change) bool { return c.Path != rollout.MarkField })
	return touches && len(t.Changes) == 0 && !t.Write.Delete
}

// field writes a path as people do: "spec.template".
func field(p rollout.Pointer) string {
	keys := strings.Split(strings.TrimPrefix(string(p), "/"), "/")
	for i, k := range keys {
		keys[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(k)
	}
	return strings.Join(keys, ".")
}

// unified compares two objects as YAML, without what the API server keeps for itself.
func unified(before, after json.RawMessage) string {
	lines := diff.Diff("before", shown(before), "after", shown(after))
	at := bytes.Index(lines, []byte("\n@@"))
	if at < 0 {
		return ""
	}
	return strings.TrimRight(string(lines[at+1:]), "\n")
}

func shown(raw json.RawMessage) []byte {
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	delete(object, "status")
	if meta, ok := object["metadata"].(map[string]any); ok {
		for _, k := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
			delete(meta, k)
		}
	}
	out, err := yaml.Marshal(object)
	if err != nil {
		return nil
	}
	return out
}
