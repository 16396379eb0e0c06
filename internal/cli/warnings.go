package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// warnings prints what the API server warns of, each once, on Err.
type warnings struct {
	app  *app
	mu   sync.Mutex
	seen map[string]bool
}

func newWarnings(a *app) *warnings { return &warnings{app: a, seen: map[string]bool{}} }

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
// 299 is the code that the API server uses (KEP-1693).
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code != 299 || message == "" || w.seen[message] {
		return
	}
	w.seen[message] = true
	fmt.Fprintf(w.app.Streams.Err, "%s: %s\n", w.app.t("warning"), snapshot.Safe(message))
}
