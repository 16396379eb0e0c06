package cli

import (
	"embed"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed messages.yaml
var messageFiles embed.FS

func loadTexts() (lang.Catalogue, error) { return lang.Load(messageFiles, "messages.yaml") }

// t gives the text with this id; args are names and values by turns.
func (a *app) t(id string, args ...any) string {
	named := map[string]any{}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			named[name] = args[i+1]
		}
	}
	return strings.TrimRight(a.texts.Text(a.lang, id, named), "\n")
}
