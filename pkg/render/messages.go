package render

import (
	"embed"
	"maps"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed messages.yaml plan.yaml probe.yaml probe_run.yaml quota.yaml quota_fit.yaml usage.yaml views.yaml
var messageFiles embed.FS

// loadMessages reads the words of the text output, once. Its error is a defect of the build.
var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) {
	all := lang.Catalogue{}
	for _, name := range []string{"messages.yaml", "plan.yaml", "probe.yaml", "probe_run.yaml", "quota.yaml", "quota_fit.yaml", "usage.yaml", "views.yaml"} {
		texts, err := lang.Load(messageFiles, name)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, texts)
	}
	return all, nil
})
