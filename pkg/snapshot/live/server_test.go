package live_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// api is an API server of a few paths. What a path answers is a function, so
// that a test says what goes wrong and how often.
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
		a.seen = append(a.seen, r.URL.RequestURI())
		a.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(a.CloseClientConnections)
	t.Cleanup(a.Close)
	return a
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

func (a *api) reader(t *testing.T, change ...func(*rest.Config)) *live.Reader {
	t.Helper()
	config := &rest.Config{Host: a.URL}
	for _, c := range change {
		c(config)
	}
	return newReader(t, config)
}

func newReader(t *testing.T, config *rest.Config) *live.Reader {
	t.Helper()
	r, err := live.New(config, live.Options{Version: "test", Now: func() time.Time { return local }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var local = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// fill reads these needs and nothing more.
func fill(t *testing.T, r *live.Reader, needs ...snapshot.Need) (*snapshot.Snapshot, error) {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	err := r.Fill(t.Context(), s, func(*snapshot.Snapshot) snapshot.Needs { return snapshot.Needs{Objects: needs} })
	return s, err
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// refuse answers with a Status as the API server does. name is the object that its storage looked for.
func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, name string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Message: fmt.Sprintf("refused with %d", code), Reason: reason, Code: int32(code), Details: &metav1.StatusDetails{Name: name},
	}
	_ = json.NewEncoder(w).Encode(status)
}

func pods(next string, names ...string) *corev1.PodList {
	list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{Continue: next}}
	for _, n := range names {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: n}})
	}
	return list
}

func podNames(s *snapshot.Snapshot) []string {
	all, _ := snapshot.List[*corev1.Pod](s, "shop", nil)
	names := []string{}
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}
