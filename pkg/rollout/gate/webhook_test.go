package gate

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func webhook(address string) rollout.GateSpec {
	return rollout.GateSpec{Kind: rollout.GateWebhook, Value: address}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestWebhookAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		result  rollout.Result
		message string
	}{
		"2xx passes":           {200, "", rollout.Pass, ""},
		"2xx with words":       {202, "OK", rollout.Pass, ""},
		"no content":           {204, "", rollout.Pass, ""},
		"pass":                 {200, `{"result":"pass","message":"0 errors"}`, rollout.Pass, "0 errors"},
		"fail":                 {200, `{"result":"fail","message":"p99 240ms"}`, rollout.Fail, "p99 240ms"},
		"inconclusive":         {200, `{"result":"inconclusive"}`, rollout.Inconclusive, ""},
		"no data":              {200, `{"result":"no-data","message":"12 requests"}`, rollout.NoData, "12 requests"},
		"pending":              {200, `{"result":"pending"}`, rollout.Pending, ""},
		"somebody else's JSON": {200, `{"status":"ok","message":{"id":1}}`, rollout.Pass, ""},
		"a message only":       {200, `{"message":"checked"}`, rollout.Pass, "checked"},
		"other result":         {200, `{"result":"passed"}`, rollout.Inconclusive, `the answer's result "passed" is none of pass, fail, inconclusive, no-data, pending`},
		"near result":          {200, `{"result":"fial"}`, rollout.Inconclusive, `the answer's result "fial" is none of pass, fail, inconclusive, no-data, pending: did you mean fail?`},
		"no text":              {200, `{"result":true}`, rollout.Inconclusive, `the answer's result "true" is none of pass, fail, inconclusive, no-data, pending`},
		"empty result":         {200, `{"result":""}`, rollout.Inconclusive, `the answer's result "\"\"" is none of pass, fail, inconclusive, no-data, pending`},
		"cut off":              {200, `{"result":"pass"`, rollout.Inconclusive, "HTTP 200 with an answer that is not whole JSON"},
		"too much":             {200, strings.Repeat(" ", longestBody) + `{"result":"fail"}`, rollout.Inconclusive, "HTTP 200 with more than 64 KiB of answer"},
		"drives the terminal":  {200, `{"result":"fail","message":"\u001b[2Ja\nb"}`, rollout.Fail, "a b"},
		"no such page":         {404, "<html>", rollout.Inconclusive, "HTTP 404"},
		"not allowed":          {403, `{"message":"who are you"}`, rollout.Inconclusive, "HTTP 403: who are you"},
		"4xx that says fail":   {422, `{"result":"fail","message":"bad"}`, rollout.Fail, "bad"},
		"4xx that says pass":   {422, `{"result":"pass"}`, rollout.Inconclusive, "HTTP 422, and yet the answer's result is pass"},
		"4xx that has no data": {404, `{"result":"no-data"}`, rollout.NoData, ""},
		"too many":             {429, `{"result":"fail"}`, rollout.NoData, "HTTP 429"},
		"too early":            {425, "", rollout.NoData, "HTTP 425"},
		"its own time is over": {408, "", rollout.NoData, "HTTP 408"},
		"broken":               {500, `{"result":"fail"}`, rollout.NoData, "HTTP 500"},
		"a gateway before it":  {503, "", rollout.NoData, "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			want(t, ask(t, webhook(address), question()), c.result, c.message)
		})
	}
}

func TestWebhookPostsTheQuestion(t *testing.T) {
	var got rollout.Question
	var method, kind, path string
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		method, kind, path = r.Method, r.Header.Get("Content-Type"), r.URL.String()
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	})
	want(t, ask(t, webhook(address+"/ask?team=a"), question()), rollout.Pass, "")
	if method != "POST" || kind != "application/json" || path != "/ask?team=a" {
		t.Errorf("%s %s %s", method, path, kind)
	}
	if asked := question(); got.ID != asked.ID || got.Workload != asked.Workload || got.Asked != asked.Asked || !got.Since.Equal(asked.Since) || got.NewImages[0] != asked.NewImages[0] {
		t.Errorf("posted %+v", got)
	}
}

// A page for logging in answers 200 to whoever is sent there.
func TestWebhookRedirections(t *testing.T) {
	visited := false
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { visited = true })
	for name, c := range map[string]struct {
		status int
		to     string
		result rollout.Result
	}{
		"the same question on the same host": {307, "/new", rollout.Pass},
		"for good":                           {308, "/new", rollout.Pass},
		"to a page":                          {302, "/new", rollout.Inconclusive},
		"to see another":                     {303, "/new", rollout.Inconclusive},
		"moved, as browsers do it":           {301, "/new", rollout.Inconclusive},
		"to another host":                    {307, elsewhere, rollout.Inconclusive},
		"round and round":                    {307, "/", rollout.Inconclusive},
		"to nowhere":                         {307, "", rollout.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/new" {
					if b, _ := io.ReadAll(r.Body); r.Method != http.MethodPost || !strings.Contains(string(b), `"id":"r1"`) {
						t.Errorf("the question is not the same any more: %s %s", r.Method, b)
					}
					return
				}
				if c.to != "" {
					w.Header().Set("Location", c.to)
				}
				w.WriteHeader(c.status)
			})
			got := ask(t, webhook(address+"/"), question())
			if got.Result != c.result || got.Result != rollout.Pass && !strings.Contains(got.Message, "redirection") {
				t.Errorf("got %+v, want %s", got, c.result)
			}
		})
	}
	if visited {
		t.Error("the question went to another host")
	}
}

func TestWebhookThatDoesNotAnswerHasNoData(t *testing.T) {
	release := make(chan struct{})
	silent := serve(t, func(http.ResponseWriter, *http.Request) {
		<-release
	})
	defer close(release)
	g := webhook(silent)
	g.Timeout = rollout.Duration(50 * time.Millisecond)
	want(t, ask(t, g, question()), rollout.NoData, "no answer within 50ms")

	half := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"result":"pass"`)
	})
	want(t, ask(t, webhook(half), question()), rollout.NoData, "no answer: unexpected EOF")

	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, webhook(closed+"/ask?token=hunter2"), question()); got.Result != rollout.NoData || !strings.Contains(got.Message, "refused") || strings.Contains(got.Message, "hunter2") {
		t.Errorf("a port where nobody listens: %+v", got)
	}

	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it would say what this test is about
	secure.StartTLS()
	defer secure.Close()
	if got := ask(t, webhook(secure.URL), question()); got.Result != rollout.NoData || !strings.Contains(got.Message, "certificate") {
		t.Errorf("a certificate that nobody vouches for: %+v", got)
	}
	j := New(Options{MayAsk: anything, Transport: secure.Client().Transport})
	want(t, j.Judge(t.Context(), webhook(secure.URL), question()), rollout.Pass, "")
}

func TestWebhookThatIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // a server watches for the end of the connection once it has read the request
		cancel()
		<-r.Context().Done()
	})
	want(t, New(Options{MayAsk: anything}).Judge(ctx, webhook(address), question()), rollout.Inconclusive, "interrupted")
}

// A ConfigMap that somebody else may write must not choose what this machine calls.
func TestWebhookFromTheJournalIsNotCalled(t *testing.T) {
	called := false
	address := serve(t, func(http.ResponseWriter, *http.Request) { called = true })
	got := New(Options{MayAsk: Only([]rollout.GateSpec{webhook(address + "/other")})}).Judge(t.Context(), webhook(address), question())
	if called || got.Result != rollout.Inconclusive || !strings.Contains(got.Message, "nobody here agreed") {
		t.Errorf("%+v, called: %v", got, called)
	}
}
