package quota

import (
	"embed"
	"maps"
	"sync"

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

func rehearsalText(l lang.Lang, r Rehearsal) string {
	id := "rehearsal-object"
	if r.Pod {
		id = "rehearsal-pod"
	}
	return say(l, id, map[string]any{"object": r.Object.String()})
}
