package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// stage is an API server that answers lists and watches of pods from a script:
// each request takes the next act.
type stage struct {
	mu    sync.Mutex
	lists []func(http.ResponseWriter)
	acts  []func(http.ResponseWriter, *http.Request)
	from  []string
}

func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var act func()
	if r.URL.Query().Get("watch") == "" {
		next := s.lists[0]
		s.lists = s.lists[1:]
		act = func() { next(w) }
	} else {
		s.from = append(s.from, r.URL.Query().Get("resourceVersion"))
		if len(s.acts) == 0 {
			act = func() { w.(http.Flusher).Flush(); <-r.Context().Done() }
		} else {
			next := s.acts[0]
			s.acts = s.acts[1:]
			act = func() { next(w, r) }
		}
	}
	s.mu.Unlock()
	act()
}

func pod(name, version string) corev1.Pod {
	return corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: version}}
}

// listOf answers with these pods, at this version of the cluster.
func listOf(version string, all ...corev1.Pod) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		answer(w, corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: all})
	}
}

// say sends events, then ends the stream.
func say(events ...map[string]any) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		for _, e := range events {
			_ = json.NewEncoder(w).Encode(e)
		}
	}
}

func event(kind string, p any) map[string]any { return map[string]any{"type": kind, "object": p} }

var gone = metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old resource version"}

// told is a notice in few words.
func told(n live.Notice) string {
	s := string(n.Event)
	if n.Object != nil {
		s += " " + n.Object.GetName() + "@" + n.Object.GetResourceVersion()
	}
	if n.Missed {
		s += " missed"
	}
	return s
}

// hear watches pods until as many notices as wanted came.
func hear(t *testing.T, r *live.Reader, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := make(chan live.Notice)
	ended := make(chan error, 1)
	go func() { ended <- r.Watch([]snapshot.Need{listPods}).Run(ctx, out) }()
	got := []string{}
	for len(got) < len(want) {
		select {
		case n := <-out:
			got = append(got, told(n))
		case err := <-ended:
			t.Fatalf("ended with %v after %v", err, got)
		}
	}
	cancel()
	for done := false; !done; {
		select {
		case <-out:
		case err := <-ended:
			done = true
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v, want the context's cause", err)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWatchGoesOnWhereTheServerEndedIt(t *testing.T) {
	s := &stage{lists: []func(http.ResponseWriter){listOf("10", pod("a", "7"))}, acts: []func(http.ResponseWriter, *http.Request){
		say(event("MODIFIED", pod("a", "11")), event("BOOKMARK", pod("", "15"))),
		say(event("ADDED", pod("b", "16")), event("DELETED", pod("a", "17"))),
	}}
	a := newAPI(t, s.serve)
	hear(t, a.reader(t), "found a@7", "listed", "changed a@11", "added b@16", "gone a@17")
	if diff := cmp.Diff([]string{"10", "15"}, s.from[:2]); diff != "" {
		t.Errorf("watched from: %s", diff)
	}
}

// Where the server has forgotten the point, in the stream or at its start, the
// list is read again, and only what differs is told.
func TestWatchListsAgainAfterExpiry(t *testing.T) {
	s := &stage{
		lists: []func(http.ResponseWriter){
			listOf("10", pod("a", "7"), pod("b", "8"), pod("c", "9")),
			listOf("30", pod("a", "7"), pod("b", "21"), pod("d", "22")),
			listOf("40", pod("a", "7"), pod("b", "21"), pod("d", "22")),
		},
		acts: []func(http.ResponseWriter, *http.Request){
			say(event("ERROR", gone)),
			func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, http.StatusGone, metav1.StatusReasonExpired, "")
			},
			say(event("MODIFIED", pod("d", "41"))),
		},
	}
	a := newAPI(t, s.serve)
	hear(t, a.reader(t), "found a@7", "found b@8", "found c@9", "listed", "changed b@21 missed", "added d@22 missed", "gone c@9 missed", "changed d@41")
}

// A server that goes away is waited for: it is said once, and what comes right
// after it is back is marked.
func TestWatchOutlivesTheServer(t *testing.T) {
	down := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	s := &stage{lists: []func(http.ResponseWriter){listOf("10")}, acts: []func(http.ResponseWriter, *http.Request){
		down,
		func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
		},
		func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "")
		},
		say(event("ADDED", pod("a", "12"))),
	}}
	a := newAPI(t, s.serve)
	hear(t, a.reader(t), "listed", "lost", "back", "added a@12 missed")
}

func TestWatchThatIsNotAllowed(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
	})
	out := make(chan live.Notice, 1)
	if err := a.reader(t).Watch([]snapshot.Need{listPods}).Run(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if n := <-out; n.Event != live.Denied || n.Why != "forbidden: list pods in namespace shop" {
		t.Errorf("%+v", n)
	}
	if a.count() != 1 {
		t.Errorf("asked %d times for what is forbidden", a.count())
	}
}

// The server's clock is told, not the local one.
func TestWatchTellsTheServersTime(t *testing.T) {
	serverTime := local.Add(37 * time.Hour)
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", serverTime.Format(http.TimeFormat))
		if r.URL.Query().Get("watch") != "" {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		listOf("10")(w)
	})
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan live.Notice, 1)
	r := a.reader(t)
	w := r.Watch([]snapshot.Need{listPods})
	done := make(chan struct{})
	go func() { _ = w.Run(ctx, out); close(done) }()
	n := <-out
	cancel()
	<-done
	// The test's own clock stands still while the server's Date is compared with the
	// time at which the request was really sent.
	if w.Now() != n.At {
		t.Errorf("%s now, %s told: the difference of the clocks was settled twice", w.Now(), n.At)
	}
}
