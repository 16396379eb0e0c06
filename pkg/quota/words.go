package quota

import (
	"embed"
	"maps"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed messages.yaml messages_usage.yaml
var messageFiles embed.FS

var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) {
	texts, err := lang.Load(messageFiles, "messages.yaml")
	if err != nil {
		return nil, err
	}
	more, err := lang.Load(messageFiles, "messages_usage.yaml")
	maps.Copy(texts, more)
	return texts, err
})

// say is a text of this package; a catalogue that does not load shows as the id.
func say(l lang.Lang, id string, args map[string]any) string {
	texts, err := loadMessages()
	if err != nil {
		return id
	}
	return texts.Text(l, id, args)
}

// unasked are the dry runs that were not made, those with the same reason as one.
func unasked(l lang.Lang, all []Rehearsal, reason func(string) string) []finding.NotChecked {
	type kind struct {
		pod bool
		why string
	}
	var order []kind
	objects := map[kind][]string{}
	for _, r := range all {
		if k := (kind{r.Pod, r.Unasked}); r.Unasked != "" {
			if objects[k] == nil {
				order = append(order, k)
			}
			objects[k] = append(objects[k], r.Object.String())
		}
	}
	var out []finding.NotChecked
	for _, k := range order {
		id := "rehearsal-object"
		if k.pod {
			id = "rehearsal-pod"
		}
		const named = 3
		names, more := objects[k], max(len(objects[k])-named, 0)
		names = names[:len(names)-more]
		out = append(out, finding.NotChecked{What: say(l, id, map[string]any{"objects": strings.Join(names, ", "), "more": more, "n": len(names) + more}), Why: reason(k.why)})
	}
	return out
}
