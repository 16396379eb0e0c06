package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

// An API server that hangs when it is asked how it is does not hang the tool:
// the rest is told, and what it did not answer is not checked.
func TestInspectClusterWithoutAnswers(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez", "/readyz", "/version":
			hangs(w, r)
		case "/api/v1/nodes":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"n1"},"status":{"conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"kubeletVersion":"v1.36.3"}}}]}`)
		default:
			hasNone(w, r)
		}
	}))
	t.Cleanup(web.Close)
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, web.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"--strict"}, exitNotChecked, []string{"n1", "get /readyz", "get /livez", "get /version", "timed out"}},
		{[]string{"--timeout", "1s"}, exitTimedOut, nil},
	} {
		streams, stdout, stderr := term.Test("")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		env := Env{Streams: streams, Getenv: func(string) string { return "" }, Now: time.Now}
		code := Run(ctx, env, append([]string{"kubectl-msa", "inspect", "cluster", "--kubeconfig", config}, c.args...))
		if ctx.Err() != nil || code != c.code {
			t.Errorf("%q: exit code %d, want %d: %s%s", c.args, code, c.code, stdout, stderr)
		}
		for _, part := range c.says {
			if !strings.Contains(stdout.String(), part) {
				t.Errorf("%q does not say %q:\n%s", c.args, part, stdout)
			}
		}
		cancel()
	}
}
