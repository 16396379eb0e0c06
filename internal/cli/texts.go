package cli

import (
	"embed"
	"maps"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed messages.yaml messages_probe.yaml messages_probe_run.yaml messages_quota.yaml messages_quota_fit.yaml messages_usage.yaml messages_views.yaml
var messageFiles embed.FS

func loadTexts() (lang.Catalogue, error) {
	all := lang.Catalogue{}
	for _, name := range []string{"messages.yaml", "messages_probe.yaml", "messages_probe_run.yaml", "messages_quota.yaml", "messages_quota_fit.yaml", "messages_usage.yaml", "messages_views.yaml"} {
		texts, err := lang.Load(messageFiles, name)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, texts)
	}
	return all, nil
}

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
