package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

// spoken is an output that is read while it is written.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// watchedAPI is an API server with one pod, whose watch tells what a test says.
type watchedAPI struct {
	mu     sync.Mutex
	seen   map[string]int
	events chan string
	// unwatched refuses every watch.
	unwatched bool
}

const watchedPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop","resourceVersion":"%d"},
"spec":{"nodeName":"n","containers":[{"name":"app","image":"web"}]},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"%s"}],
"containerStatuses":[{"name":"app","ready":%v,"started":true,"image":"web","imageID":"","restartCount":0,"state":%s}]}}`

func runningPod() string {
	return fmt.Sprintf(watchedPod, 1, "True", true, `{"running":{"startedAt":"2026-01-01T00:00:00Z"}}`)
}

func crashingPod() string {
	return fmt.Sprintf(watchedPod, 2, "False", false, `{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}}`)
}

func (s *watchedAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	watched := r.URL.Query().Get("watch") != ""
	k := "read "
	if watched {
		k = "watch "
	}
	s.mu.Lock()
	s.seen[k+r.URL.Path]++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case watched && s.unwatched:
		refused(w, http.StatusForbidden, "Forbidden")
	case watched:
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		s.tell(w, r)
	case strings.HasSuffix(r.URL.Path, "/pods/web-1"):
		fmt.Fprint(w, runningPod())
	case strings.HasSuffix(r.URL.Path, "/pods"):
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"1"},"items":[%s]}`, runningPod())
	case strings.Count(r.URL.Path, "/") == 6 || r.URL.Path == "/apis":
		refused(w, http.StatusNotFound, "NotFound")
	default:
		fmt.Fprint(w, `{"metadata":{"resourceVersion":"1"},"items":[]}`)
	}
}

func (s *watchedAPI) tell(w http.ResponseWriter, r *http.Request) {
	events := s.events
	if !strings.HasSuffix(r.URL.Path, "/pods") {
		events = nil
	}
	for {
		select {
		case e := <-events:
			fmt.Fprintln(w, e)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func refused(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":%q,"code":%d,"message":"no","details":{"name":"it"}}`, reason, code)
}

func (s *watchedAPI) counts() (total int, most string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, n := range s.seen {
		total += n
		if n > times {
			most, times = k, n
		}
	}
	return total, most, times
}

// watching is an inspect --watch under way.
type watching struct {
	api  *watchedAPI
	out  *spoken
	stop context.CancelCauseFunc
	code chan int
}

func watchInspect(t *testing.T, api *watchedAPI, args ...string) *watching {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	config := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: " + server.URL + "}}]\ncontexts: [{name: c, context: {cluster: c, namespace: shop, user: u}}]\nusers: [{name: u, user: {token: x}}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	w := &watching{api: api, out: &spoken{}, stop: stop, code: make(chan int, 1)}
	env := Env{Streams: term.Streams{In: strings.NewReader(""), Out: w.out, Err: w.out}, Getenv: func(string) string { return "" }, Now: time.Now}
	go func() { w.code <- Run(ctx, env, append([]string{"kubectl-msa", "--kubeconfig", config}, args...)) }()
	return w
}

// until waits for something to come true, for as long as a test may take.
func (w *watching) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		select {
		case code := <-w.code:
			t.Fatalf("%s: ended with %d:\n%s", what, code, w.out)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("%s did not come:\n%s", what, w.out)
}

func (w *watching) says(text string) func() bool {
	return func() bool { return strings.Contains(w.out.String(), text) }
}

// A change is a new report; what does not change costs one list and one watch
// for each thing that was read, and nothing after that.
func TestInspectWatch(t *testing.T) {
	w := watchInspect(t, &watchedAPI{seen: map[string]int{}, events: make(chan string)}, "inspect", "pod/web-1", "--watch")
	w.until(t, "the first report", w.says("web-1"))
	select {
	case w.api.events <- `{"type":"MODIFIED","object":` + strings.ReplaceAll(crashingPod(), "\n", "") + `}`:
	case <-time.After(time.Minute):
		t.Fatal("nobody watches the pods")
	}
	w.until(t, "the report of the change", w.says("CrashLoopBackOff"))
	if n := strings.Count(w.out.String(), "\n--- "); n != 1 {
		t.Errorf("%d reports after the first, want 1:\n%s", n, w.out)
	}
	w.stop(term.ErrInterrupted)
	if code := <-w.code; code != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, exitInterrupted, w.out)
	}
	total, most, times := w.api.counts()
	if times > 3 || total > 40 {
		t.Errorf("%d requests, %d of them %q", total, times, most)
	}
}

// What would be shown once and never renewed is refused.
func TestInspectWatchAddOn(t *testing.T) {
	w := watchInspect(t, &watchedAPI{seen: map[string]int{}}, "inspect", "httproute", "--watch")
	if code := <-w.code; code != exitUsage || !w.says("HTTPRoute comes with an add-on")() {
		t.Errorf("exit code %d\n%s", code, w.out)
	}
}

// Whoever may read and not watch is told so once: nothing is asked again and again.
func TestInspectWatchForbidden(t *testing.T) {
	api := &watchedAPI{seen: map[string]int{}, events: make(chan string), unwatched: true}
	w := watchInspect(t, api, "inspect", "pod/web-1", "--watch")
	if code := <-w.code; code != exitFailed || !w.says("may not be watched")() {
		t.Errorf("exit code %d\n%s", code, w.out)
	}
	if total, most, times := api.counts(); times > 3 || total > 40 {
		t.Errorf("%d requests, %d of them %q", total, times, most)
	}
}
