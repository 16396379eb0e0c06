package script_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// server is an API server with one pod in namespace shop. The first part of
// the path says how it behaves: $API/ok, $API/forbidden, $API/unauthorized, $API/hung.
type server struct {
	*httptest.Server
	requests atomic.Int64
}

func newServer() *server {
	s := &server{}
	mux := http.NewServeMux()
	mux.HandleFunc("/ok/", ok)
	mux.HandleFunc("/forbidden/", func(w http.ResponseWriter, _ *http.Request) { status(w, 403, "Forbidden") })
	mux.HandleFunc("/unauthorized/", func(w http.ResponseWriter, _ *http.Request) { status(w, 401, "Unauthorized") })
	mux.HandleFunc("/hung/", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		mux.ServeHTTP(w, r)
	}))
	return s
}

const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop"},
"spec":{"nodeName":"n","containers":[{"name":"app","image":"web"}]},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],
"containerStatuses":[{"name":"app","ready":true,"started":true,"image":"web","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}}`

func ok(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path := strings.TrimPrefix(r.URL.Path, "/ok")
	switch {
	case path == "/version":
		fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.0"}`)
	case path == "/apis":
		fmt.Fprint(w, `{"kind":"APIGroupList","groups":[{"name":"apps","preferredVersion":{"version":"v1"}}]}`)
	case strings.HasSuffix(path, "/selfsubjectrulesreviews"):
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"status":{"resourceRules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods","pods/log"]}],"incomplete":false}}`)
	case strings.HasSuffix(path, "/pods/web-1"):
		w.Header().Add("Warning", "299 - \"this pod is \u202eold\"")
		fmt.Fprint(w, pod)
	case strings.HasSuffix(path, "/pods"):
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[%s]}`, pod)
	case named(path):
		status(w, 404, "NotFound")
	default:
		fmt.Fprint(w, `{"metadata":{},"items":[]}`)
	}
}

// named: …/namespaces/NS/RESOURCE/NAME asks for one object.
func named(path string) bool {
	_, below, ok := strings.Cut(path, "/namespaces/")
	return ok && strings.Count(below, "/") == 2
}

func status(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":%q,"code":%d,"message":"no","details":{"name":"it"}}`, reason, code)
}
