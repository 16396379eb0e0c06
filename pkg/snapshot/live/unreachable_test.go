package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

func TestUnreachable(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plainServer := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plainServer.Close)
	serve := func(h http.HandlerFunc) string { return newAPI(t, h).URL }
	cases := []struct {
		name   string
		config *rest.Config
		want   live.Trouble
	}{
		{"nothing listens", &rest.Config{Host: "http://" + closedPort(t)}, live.Refused},
		{"no such name", &rest.Config{Host: "http://nosuch.invalid"}, live.NoHost},
		{"certificate of an unknown authority", &rest.Config{Host: secure.URL}, live.Certificate},
		{"https to an http port", &rest.Config{Host: strings.Replace(plainServer.URL, "http:", "https:", 1)}, live.NotTLS},
		{"http to an https port", &rest.Config{Host: strings.Replace(secure.URL, "https:", "http:", 1)}, live.NotTLS},
		{"hung", &rest.Config{Host: serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), Timeout: 200 * time.Millisecond}, live.NoAnswer},
		{"credentials refused", &rest.Config{Host: serve(func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, 401, metav1.StatusReasonUnauthorized, "")
		})}, live.Unauthorized},
		{"credential plugin missing", &rest.Config{Host: plainServer.URL, ExecProvider: &clientcmdapi.ExecConfig{
			Command: "no-such-credential-plugin", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
		}}, live.Credentials},
		{"down behind its load balancer", &rest.Config{Host: serve(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no backend", http.StatusServiceUnavailable)
		})}, live.Failing},
		{"not an API server", &rest.Config{Host: serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"hello": `))
		})}, live.Failing},
		{"a web page", &rest.Config{Host: serve(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>welcome</html>"))
		})}, live.Failing},
		{"a web server that knows none of the paths", &rest.Config{Host: plainServer.URL}, live.Failing},
		{"hangs up", &rest.Config{Host: serve(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}, live.Broken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := fill(t, newReader(t, c.config), listPods, snapshot.Need{Kind: "Service", Namespace: "shop"})
			var got *live.UnreachableError
			if !errors.As(err, &got) {
				t.Fatalf("want an UnreachableError, got %v", err)
			}
			if got.Trouble != c.want {
				t.Errorf("%s (%s), want %s", got.Trouble, got.Detail, c.want)
			}
			if got.Host != c.config.Host || got.Detail == "" || strings.Contains(got.Detail, "\n") {
				t.Errorf("not a line that helps: %+v", got)
			}
		})
	}
}

// A connection that fails after others worked is a read that was not made, no more.
func TestConnectionLostOnTheWay(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/pods") {
			answer(w, pods("", "a"))
			return
		}
		panic(http.ErrAbortHandler)
	})
	r := a.reader(t)
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	services := snapshot.Need{Kind: "Service", Namespace: "shop"}
	err := r.Fill(t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs {
		if len(s.Readings()) == 0 {
			return snapshot.Needs{Objects: []snapshot.Need{listPods}}
		}
		return snapshot.Needs{Objects: []snapshot.Need{services}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Covered("Service", "shop", ""); !strings.HasPrefix(got.Why, "the connection broke: ") {
		t.Errorf("%+v", got)
	}
}

// A list whose answer breaks off is a list that was not read, not a shorter one; wherever it breaks off.
func TestAnswerBreaksOff(t *testing.T) {
	var whole bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(runtime.Object(pods("", "a", "b")), &whole); err != nil {
		t.Fatal(err)
	}
	for came := range whole.Len() {
		a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/services") {
				answer(w, &corev1.ServiceList{})
				return
			}
			w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
			w.Header().Set("Content-Length", strconv.Itoa(whole.Len()))
			_, _ = w.Write(whole.Bytes()[:came])
		})
		s, err := fill(t, a.reader(t), listPods, snapshot.Need{Kind: "Service", Namespace: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Covered("Pod", "shop", ""); len(podNames(s)) > 0 || !strings.HasPrefix(got.Why, "the connection broke: ") {
			t.Errorf("after %d of %d bytes: %v, %+v", came, whole.Len(), podNames(s), got)
		}
	}
}

// Whoever waits may stop waiting: the cause of the context comes back, also from a server that hangs.
func TestCancelled(t *testing.T) {
	asked := make(chan struct{}, 1)
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-asked; cancel(stop) }()
	s := snapshot.New(snapshot.FromCluster, time.Time{})
	err := a.reader(t).Fill(ctx, s, func(*snapshot.Snapshot) snapshot.Needs {
		return snapshot.Needs{Objects: []snapshot.Need{listPods}}
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Errors of other clients are told in the same words; what the API server answered is not an absent server.
func TestExplain(t *testing.T) {
	r, err := live.New(&rest.Config{Host: "https://h"}, live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := errors.New("something else")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("no"))
	for _, c := range []struct {
		err  error
		want live.Trouble
	}{
		{fmt.Errorf("read: %w", syscall.ECONNREFUSED), live.Refused},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), live.NoAnswer},
		{apierrors.NewUnauthorized("who"), live.Unauthorized},
		{forbidden, ""}, {other, ""}, {nil, ""},
	} {
		got := r.Explain(c.err)
		var u *live.UnreachableError
		switch found := errors.As(got, &u); {
		case c.want == "" && !errors.Is(got, c.err), c.want != "" && (!found || u.Trouble != c.want):
			t.Errorf("%v: %v, want %q", c.err, got, c.want)
		}
	}
}
