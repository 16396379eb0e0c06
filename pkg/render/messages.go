package render

import (
	"embed"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

//go:embed messages.yaml
var messageFile embed.FS

// loadMessages reads the words of the text output, once. Its error is a defect of the build.
var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(messageFile, "messages.yaml") })
