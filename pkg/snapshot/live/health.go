package live

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Health is what a component says at /livez or /readyz with ?verbose
// (k8s.io/apiserver/pkg/server/healthz): a line for each check.
type Health struct {
	// OK says that all checks passed.
	OK bool
	// Passed and Failed are the names of the checks.
	Passed, Failed []string
	// Why is set where there is no answer.
	Why string
}

// healthBytes bounds the answer: a line for each check, of which there are about fifty.
const healthBytes = 64 << 10

// Health asks the API server how it is, at "/livez" or "/readyz". A check that
// fails comes with a 500 and is an answer too; client-go would keep its text back.
func (r *Reader) Health(ctx context.Context, path string) Health {
	status, text, err := r.plain(ctx, path)
	if err != nil {
		return Health{Why: r.why("get "+path, err)}
	}
	h := readHealth(text)
	switch h.OK = status == http.StatusOK; {
	case h.OK || len(h.Failed) > 0:
		return h
	case status == http.StatusForbidden:
		return Health{Why: r.why("get "+path, apierrors.NewForbidden(schema.GroupResource{}, path, nil))}
	}
	return Health{Why: fmt.Sprintf("the API server answered %d", status)}
}

// plain gets a path as text, whatever the status.
func (r *Reader) plain(ctx context.Context, path string) (status int, text string, err error) {
	client, err := r.clients.raw()
	if err != nil {
		return 0, "", err
	}
	url := client.Get().AbsPath(path).Param("verbose", "true").URL()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), http.NoBody)
	if err != nil {
		return 0, "", fmt.Errorf("make the request: %w", err)
	}
	resp, err := r.clients.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost with it: the answer was read
	data, err := io.ReadAll(io.LimitReader(resp.Body, healthBytes))
	return resp.StatusCode, string(data), err
}

// readHealth reads lines such as "[+]etcd ok" and "[-]etcd failed: reason withheld".
func readHealth(text string) Health {
	var h Health
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "[+]"); ok {
			name, _, _ := strings.Cut(rest, " ")
			h.Passed = append(h.Passed, name)
		}
		if rest, ok := strings.CutPrefix(line, "[-]"); ok {
			name, _, _ := strings.Cut(rest, " ")
			h.Failed = append(h.Failed, name)
		}
	}
	return h
}
