package live_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var listPods = snapshot.Need{Kind: "Pod", Namespace: "shop"}

func TestPagesAreReadToTheEnd(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") != "500" {
			t.Errorf("%s asks for no pages", r.URL)
		}
		switch r.URL.Query().Get("continue") {
		case "":
			answer(w, pods("two", "a", "b"))
		case "two":
			answer(w, pods("", "c"))
		}
	})
	s, err := fill(t, a.reader(t), listPods)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, podNames(s)); diff != "" {
		t.Error(diff)
	}
	if a.count() != 2 || s.Requests != 2 {
		t.Errorf("the server saw %d requests, the snapshot says %d, want 2", a.count(), s.Requests)
	}
	if got := s.Covered("Pod", "shop", ""); got.State != snapshot.Present {
		t.Errorf("the list is not complete: %+v", got)
	}
}

// The server works on the next page while the objects of one are taken.
func TestTheNextPageIsAskedForAhead(t *testing.T) {
	asked := make(chan struct{})
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("continue") == "" {
			answer(w, pods("two", "a"))
			return
		}
		close(asked)
		answer(w, pods("", "b"))
	})
	reader := a.reader(t)
	reader.Keep(snapshot.Keep{Reduce: func(o snapshot.Object) {
		select {
		case <-asked:
		case <-time.After(30 * time.Second):
			t.Errorf("%s is taken, and nobody has asked for the next page", o.GetName())
		}
	}})
	s, err := fill(t, reader, listPods)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, podNames(s)); diff != "" {
		t.Error(diff)
	}
}

func TestExpiredPageStartsOverOnceWithoutPages(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("continue") != "":
			refuse(w, http.StatusGone, metav1.StatusReasonExpired, "")
		case q.Get("limit") != "":
			answer(w, pods("old", "gone"))
		default:
			answer(w, pods("", "a", "b"))
		}
	})
	s, err := fill(t, a.reader(t), listPods)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, podNames(s)); diff != "" {
		t.Errorf("what the first try saw stays: %s", diff)
	}
	if a.count() != 3 {
		t.Errorf("%d requests, want 3", a.count())
	}
}

func TestProtobufWhereTheServerHasIt(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Accept"), "application/vnd.kubernetes.protobuf,application/json") {
			t.Errorf("Accept: %s", r.Header.Get("Accept"))
		}
		var b bytes.Buffer
		if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(runtime.Object(pods("", "a")), &b); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		_, _ = w.Write(b.Bytes())
	})
	s, err := fill(t, a.reader(t), listPods)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, podNames(s)); diff != "" {
		t.Error(diff)
	}
}

func TestThreeAnswers(t *testing.T) {
	getSecret := snapshot.Need{Kind: "Secret", Namespace: "shop", Name: "db"}
	cases := []struct {
		name   string
		need   snapshot.Need
		handle http.HandlerFunc
		want   snapshot.Reading
	}{
		{"no such object", getSecret,
			func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, metav1.StatusReasonNotFound, "db") },
			snapshot.Reading{NotFound: true}},
		{"forbidden object", getSecret,
			func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, metav1.StatusReasonForbidden, "db") },
			snapshot.Reading{Why: `forbidden: get secrets "db" in namespace shop`}},
		{"forbidden list", snapshot.Need{Kind: "Secret", Namespace: "shop"},
			func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, metav1.StatusReasonForbidden, "") },
			snapshot.Reading{Why: "forbidden: list secrets in namespace shop"}},
		{"list of an API that is not served", snapshot.Need{Kind: "Deployment", Namespace: "shop"},
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", 404) },
			snapshot.Reading{Why: "not served by this cluster", NotServed: true}},
		{"object of an API that is not served is unknown, not absent", snapshot.Need{Kind: "Deployment", Namespace: "shop", Name: "web"},
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "404 page not found", 404) },
			snapshot.Reading{Why: "not served by this cluster", NotServed: true}},
		{"server error", getSecret,
			func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, 500, metav1.StatusReasonInternalError, "db")
			},
			snapshot.Reading{Why: "the API server answered 500: refused with 500"}},
		{"gateway timeout", getSecret,
			func(w http.ResponseWriter, _ *http.Request) { refuse(w, 504, metav1.StatusReasonTimeout, "db") },
			snapshot.Reading{Why: "timed out"}},
		{"hung", getSecret,
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			snapshot.Reading{Why: "timed out"}},
		{"list that is cut in the middle is no short list", snapshot.Need{Kind: "Secret", Namespace: "shop"},
			func(w http.ResponseWriter, _ *http.Request) { half(w); panic(http.ErrAbortHandler) },
			snapshot.Reading{Why: "the connection broke: unexpected EOF"}},
		{"list that hangs in the middle", snapshot.Need{Kind: "Secret", Namespace: "shop"},
			func(w http.ResponseWriter, r *http.Request) { half(w); <-r.Context().Done() },
			snapshot.Reading{Why: "timed out"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/namespaces/shop/pods" {
					answer(w, pods("", "a"))
					return
				}
				c.handle(w, r)
			})
			s, err := fill(t, a.reader(t, func(c *rest.Config) { c.Timeout = time.Second }), listPods, c.need)
			if err != nil {
				t.Fatalf("one read that fails must not fail the report: %v", err)
			}
			c.want.Need = c.need
			if diff := cmp.Diff([]snapshot.Reading{{Need: listPods}, c.want}, s.Readings()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// half sends the beginning of a list.
func half(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[`))
	_ = http.NewResponseController(w).Flush()
}

func TestBusyServerIsAskedAgainAndEveryTryCounts(t *testing.T) {
	tries := 0
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "0")
			refuse(w, 429, metav1.StatusReasonTooManyRequests, "")
			return
		}
		answer(w, pods("", "a"))
	})
	s, err := fill(t, a.reader(t), listPods)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, podNames(s)); diff != "" || s.Requests != 2 {
		t.Errorf("%d requests, want 2; %s", s.Requests, diff)
	}
}

func TestServerThatStaysBusyIsGivenUp(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/pods") {
			answer(w, pods("", "a"))
			return
		}
		w.Header().Set("Retry-After", "0")
		refuse(w, 429, metav1.StatusReasonTooManyRequests, "")
	})
	need := snapshot.Need{Kind: "Service", Namespace: "shop"}
	s, err := fill(t, a.reader(t), listPods, need)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Covered("Service", "shop", ""); got.Why != "the API server is too busy (429)" {
		t.Errorf("%+v", got)
	}
	if a.count() != 5 { // the pods, the first try and three more
		t.Errorf("%d requests, want 5", a.count())
	}
}

func TestSecretValuesStayOutside(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/configmaps") {
			answer(w, corev1.ConfigMapList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"},
				Items: []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}, Data: map[string]string{"k": "opensesame"}}}})
			return
		}
		answer(w, corev1.SecretList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"},
			Items: []corev1.Secret{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Data: map[string][]byte{"password": []byte("opensesame")}}}})
	})
	s, err := fill(t, a.reader(t), snapshot.Need{Kind: "Secret", Namespace: "shop"}, snapshot.Need{Kind: "ConfigMap", Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := snapshot.Get[*snapshot.Secret](s, "shop", "db")
	config, _ := snapshot.Get[*corev1.ConfigMap](s, "shop", "c")
	if secret == nil || secret.Keys["password"] != len("opensesame") || config == nil || len(config.Data) != 1 {
		t.Fatalf("keys are lost: %+v %+v", secret, config)
	}
	held, err := json.Marshal(s.Objects())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(held), "opensesame") || strings.Contains(string(held), "b3BlbnNlc2FtZQ") {
		t.Errorf("a value is held: %s", held)
	}
}

func TestTimeIsTheServers(t *testing.T) {
	served := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		date string
		want time.Time
	}{
		"said":     {served.Format(http.TimeFormat), served},
		"not said": {"", local},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if c.date != "" {
					w.Header().Set("Date", c.date)
				}
				answer(w, pods("", "a"))
			})
			s, err := fill(t, a.reader(t), listPods)
			if err != nil {
				t.Fatal(err)
			}
			if !s.TakenAt.Equal(c.want) {
				t.Errorf("taken at %s, want %s", s.TakenAt, c.want)
			}
		})
	}
}

// A reader that reads twice tells the time of each reading: what is long ago by the second was not by the first.
func TestTimeIsThatOfTheReading(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", now.Format(http.TimeFormat))
		answer(w, pods("", "a"))
	})
	r := a.reader(t)
	for range 2 {
		s, err := fill(t, r, listPods)
		if err != nil {
			t.Fatal(err)
		}
		if !s.TakenAt.Equal(now) {
			t.Errorf("taken at %s, want %s", s.TakenAt, now)
		}
		now = now.Add(time.Minute)
	}
}

func TestLogs(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("container") == "sidecar":
			refuse(w, 400, metav1.StatusReasonBadRequest, "web")
		case q.Get("container") == "locked":
			refuse(w, 403, metav1.StatusReasonForbidden, "web")
		case r.URL.Path == "/api/v1/namespaces/shop/pods/web/log" && q.Get("tailLines") == "2" && q.Get("previous") == "true":
			_, _ = w.Write([]byte("one\n\x1b[31mtwo\xff\n"))
		default:
			t.Errorf("unexpected %s", r.URL)
		}
	})
	need := func(container string) snapshot.LogNeed {
		return snapshot.LogNeed{Namespace: "shop", Pod: "web", Container: container, Previous: true, Lines: 2}
	}
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	plan := func(*snapshot.Snapshot) snapshot.Needs {
		return snapshot.Needs{Logs: []snapshot.LogNeed{need("app"), need("sidecar"), need("locked")}}
	}
	if err := a.reader(t).Fill(t.Context(), s, plan); err != nil {
		t.Fatal(err)
	}
	lines, got := s.Log(need("app"))
	if diff := cmp.Diff([]string{"one", "\uFFFD[31mtwo\uFFFD"}, lines); diff != "" || got.State != snapshot.Present {
		t.Error(got, diff)
	}
	if _, got := s.Log(need("sidecar")); got.Why != "refused with 400" {
		t.Errorf("%+v", got)
	}
	if _, got := s.Log(need("locked")); got.Why != "forbidden: get pods/log in namespace shop" {
		t.Errorf("%+v", got)
	}
}

// A plan that depends on what was read is asked again; what was read is not read again.
func TestRounds(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/pods") {
			answer(w, pods("", "a"))
			return
		}
		refuse(w, 404, metav1.StatusReasonNotFound, "a-config")
	})
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	err := a.reader(t).Fill(t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs {
		needs := snapshot.Needs{Objects: []snapshot.Need{listPods, listPods}}
		for _, name := range podNames(s) {
			needs.Objects = append(needs.Objects, snapshot.Need{Kind: "ConfigMap", Namespace: "shop", Name: name + "-config"})
		}
		return needs
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, got := s.Find("ConfigMap", "shop", "a-config"); got.State != snapshot.Absent {
		t.Errorf("%+v", got)
	}
	if a.count() != 2 {
		t.Errorf("%d requests, want 2: %v", a.count(), a.seen)
	}
}
