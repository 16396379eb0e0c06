package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
)

// api is an API server that answers as a test says, and counts.
type api struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newAPI(t *testing.T, handle http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.seen = append(a.seen, r.Method+" "+r.URL.RequestURI())
		a.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(a.CloseClientConnections)
	t.Cleanup(a.Close)
	return a
}

func (a *api) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.seen...)
}

func (a *api) client(t *testing.T) *cluster.Client {
	t.Helper()
	c, err := cluster.New(&rest.Config{Host: a.URL}, cluster.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// status answers with a Status, in which the details and the message are as given.
func status(code int, message, details string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":"any","details":%s,"code":%d}`, message, details, code)
	}
}

func plain(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func web() rollout.Ref { return rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"} }

func aWrite() rollout.Write {
	return rollout.Write{Object: web(), UID: "u", Generation: 3, Changes: []rollout.Change{{Path: rollout.MinReadyField, To: json.RawMessage("5")}}}
}

func sortOf(err error) string {
	var conflict *rollout.ConflictError
	var refused *rollout.RefusedError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &conflict):
		return "conflict"
	case errors.As(err, &refused):
		return "refused"
	}
	return "unknown"
}

// The answers are those of a real API server, v1.36; what stands between it and
// the client has its own.
func TestWhatAnAnswerToAWriteMeans(t *testing.T) {
	const named = `{"name":"web","kind":"deployments"}`
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
		words  string
	}{
		{"a test of the patch failed", status(422, "the server rejected our request due to an error in our request", `{}`), "conflict", "not as the write supposed"},
		{"validation", status(422, `Deployment.apps "web" is invalid: spec.minReadySeconds: Invalid value: -1`, `{"name":"web","causes":[{"field":"spec.minReadySeconds"}]}`), "refused", "Invalid value: -1"},
		{"not readable once patched", status(422, `"" is invalid: long`, `{"causes":[{"field":"patch","message":"Invalid value: \"{\\\"spec\\\":{}}\": strict decoding error: unknown field \"spec.x\""}]}`), "refused", `deployment/web: strict decoding error: unknown field "spec.x"`},
		{"a webhook that answers 422", status(422, `admission webhook "a.b" denied the request: no`, `{}`), "refused", "denied the request: no"},
		{"a policy", status(422, `deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, named), "refused", "denied request: no"},
		{"a webhook that answers 409", status(409, `admission webhook "a.b" denied the request: no`, `{}`), "refused", "denied the request"},
		{"the object was changed meanwhile", status(409, `Operation cannot be fulfilled on deployments.apps "web": the object has been modified`, named), "conflict", "has been modified"},
		{"no such object", status(404, `deployments.apps "web" not found`, named), "conflict", "does not exist"},
		{"no such path", status(404, "the server could not find the requested resource", `{}`), "unknown", "could not find"},
		{"not allowed", status(403, `deployments.apps "web" is forbidden: User "u" cannot patch resource`, named), "refused", "cannot patch"},
		{"nonsense", status(400, "cannot be handled", `{}`), "refused", "cannot be handled"},
		{"too large", status(413, "Request entity too large: limit is 3145728", `{}`), "refused", "too large"},
		{"credentials that ended", status(401, "Unauthorized", `{}`), "unknown", ""},
		{"too busy", status(429, "too many requests", `{"retryAfterSeconds":1}`), "unknown", ""},
		{"an internal error", status(500, `failed calling webhook "a.b": connection refused`, `{}`), "unknown", "failed calling webhook"},
		{"not available", status(503, "apiserver is shutting down", `{"retryAfterSeconds":1}`), "unknown", ""},
		{"too slow inside", status(504, "request did not complete within the allotted timeout", `{}`), "unknown", ""},
		{"a proxy's 502", plain(502, "<html>bad gateway</html>"), "unknown", ""},
		{"a proxy's 403", plain(403, "<html>sign in</html>"), "unknown", ""},
		{"a bare 422", plain(422, ""), "conflict", ""},
		{"a bare 409", plain(409, ""), "conflict", ""},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unknown", "EOF"},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"metadata":`)
		}, "unknown", ""},
		{"an answer that is something else", plain(200, "welcome"), "unknown", "not what an API server says"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, tt.answer)
			err := a.client(t).Apply(t.Context(), aWrite(), "token")
			if sortOf(err) != tt.want || !strings.Contains(fmt.Sprint(err), tt.words) {
				t.Errorf("%s (%v), want %s with %q", sortOf(err), err, tt.want, tt.words)
			}
			if strings.Contains(fmt.Sprint(err), "http://") {
				t.Errorf("the address is not for people: %v", err)
			}
			if n := len(a.requests()); n != 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

func TestAWriteIsOneRequestThatTestsBeforeItChanges(t *testing.T) {
	var body string
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 4096)
		n, _ := r.Body.Read(b)
		body = string(b[:n])
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"metadata":{"uid":"u"}}`)
	})
	w := aWrite()
	w.Version = "77"
	w.Changes = append(w.Changes, rollout.Change{Path: rollout.StrategyField, From: json.RawMessage(`{"type":"Recreate"}`)})
	if err := a.client(t).Apply(t.Context(), w, "tok"); err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/metadata/labels/kubectl-msa.dev~1rollout","value":"tok"},` +
		`{"op":"test","path":"/metadata/generation","value":3},{"op":"test","path":"/metadata/resourceVersion","value":"77"},` +
		`{"op":"test","path":"/spec/minReadySeconds","value":null},{"op":"test","path":"/spec/strategy","value":{"type":"Recreate"}},` +
		`{"op":"add","path":"/spec/minReadySeconds","value":5},{"op":"remove","path":"/spec/strategy"}]`
	if body != want {
		t.Errorf("sent\n%s\nwant\n%s", body, want)
	}
	uri := "PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-msa&fieldValidation=Strict&timeout=10s"
	if got := a.requests(); len(got) != 1 || got[0] != uri {
		t.Errorf("requests %q, want %q", got, uri)
	}
	for _, bad := range []rollout.Write{{Object: web()}, {Object: rollout.Ref{Kind: "Secret", Name: "s"}, UID: "u"}, {Object: web(), UID: "u", Delete: true}} {
		if err := a.client(t).Apply(t.Context(), bad, "tok"); sortOf(err) != "unknown" || len(a.requests()) != 1 {
			t.Errorf("%+v: %v, %d requests", bad, err, len(a.requests()))
		}
	}
}

func TestAClaimGivesWayWhenTheObjectMovesOn(t *testing.T) {
	version := 0
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && version < 3 {
			status(422, "the server rejected our request", `{}`)(w, r)
			return
		}
		version++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"metadata":{"uid":"u","resourceVersion":"%d"}}`, version)
	})
	if err := a.client(t).Claim(t.Context(), rollout.Managed{Ref: web(), UID: "u"}, "tok", nil); err != nil {
		t.Fatal(err)
	}
	if n := len(a.requests()); n != 6 {
		t.Errorf("%d requests, want three looks with a try each: %q", n, a.requests())
	}
	never := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			status(422, "the server rejected our request", `{}`)(w, r)
			return
		}
		fmt.Fprint(w, `{"metadata":{"uid":"u","resourceVersion":"1"}}`)
	})
	if err := never.client(t).Claim(t.Context(), rollout.Managed{Ref: web(), UID: "u"}, "tok", nil); sortOf(err) != "conflict" {
		t.Errorf("an object that never holds still: %v", err)
	}
}

func TestTheServersClock(t *testing.T) {
	dates := []time.Time{
		time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2030, 1, 2, 3, 4, 4, 0, time.UTC), // another server, or an answer that was on its way: behind, but not by much
		time.Date(2030, 1, 2, 3, 4, 9, 0, time.UTC),
		time.Date(2030, 1, 2, 2, 0, 0, 0, time.UTC), // set back
	}
	want := []time.Time{dates[0], dates[0], dates[2], dates[3]}
	n := 0
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", dates[n].Format(http.TimeFormat))
		fmt.Fprint(w, `{"metadata":{"uid":"u"}}`)
	})
	c := a.client(t)
	if local := time.Since(c.Now()); local < 0 || local > time.Minute {
		t.Errorf("before any answer it is %v", c.Now())
	}
	for n = range dates {
		if _, err := c.Get(t.Context(), web()); err != nil {
			t.Fatal(err)
		}
		if now := c.Now(); now.Before(want[n]) || now.After(want[n].Add(time.Minute)) || now.Location() != time.UTC {
			t.Errorf("after the date %v it is %v, want %v", dates[n], now, want[n])
		}
	}
}

func TestARequestThatGetsNoAnswerIsGivenUpAndItsConnectionLeft(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	var mu sync.Mutex
	var from []string
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from = append(from, r.RemoteAddr)
		first := len(from) == 1
		mu.Unlock()
		if first {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			return
		}
		fmt.Fprint(w, `{"metadata":{"uid":"u"}}`)
	})
	c, err := cluster.New(&rest.Config{Host: a.URL, Timeout: 200 * time.Millisecond}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), aWrite(), "tok"); sortOf(err) != "unknown" || !strings.HasSuffix(err.Error(), "no answer from the API server in time") {
		t.Errorf("no answer: %v", err)
	}
	if err := c.Apply(t.Context(), aWrite(), "tok"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(from) != 2 || from[0] == from[1] {
		t.Errorf("connections %q", from)
	}
	stop := errors.New("told to stop")
	ctx, cancel := contextWithCause(t)
	cancel(stop)
	if err := c.Apply(ctx, aWrite(), "tok"); !errors.Is(err, stop) {
		t.Errorf("the caller's own end: %v", err)
	}
}

func contextWithCause(t *testing.T) (context.Context, context.CancelCauseFunc) {
	t.Helper()
	return context.WithCancelCause(t.Context())
}

// What the rate of requests keeps back until its time is over has run out of time, and is no other trouble.
func TestARequestThatTheRateKeepsBackRunsOutOfTime(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	c, err := cluster.New(&rest.Config{Host: a.URL}, cluster.Options{Version: "test", QPS: 0.001, Burst: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), http.MethodGet, "/api", "", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := c.Call(ctx, http.MethodGet, "/api", "", nil); !errors.Is(err, context.DeadlineExceeded) || len(a.requests()) != 1 {
		t.Errorf("%v after %q", err, a.requests())
	}
}
