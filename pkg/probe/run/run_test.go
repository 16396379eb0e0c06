package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/exec"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// The table is the kubelet's own (third_party/forked/golang/expansion), as far as probes use it.
func TestExpand(t *testing.T) {
	env := []corev1.EnvVar{{Name: "A", Value: "a"}, {Name: "B", Value: "$(A)"}, {Name: "REF", ValueFrom: &corev1.EnvVarSource{}}}
	for text, want := range map[string]string{
		"$(A)": "a", "x$(A)y": "xay", "$(A)$(B)": "a$(A)", "$(NONE)": "$(NONE)", "$$(A)": "$(A)", "$$$(A)": "$a", "$$$$(A)": "$$(A)",
		"$(REF)": "", "$": "$", "$$": "$", "$(A": "$(A", "a$b": "a$b", "$한": "$한", "": "", "$()": "$()", "$(A)$": "a$",
	} {
		if got := expand(text, env); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		text, want string
		gone       bool
	}{
		{`failed to execute portforward in network namespace "/var/run/netns/x": failed to connect to localhost:8080 inside namespace "y", IPv4: dial tcp4 127.0.0.1:8080: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found `,
			"dial tcp 127.0.0.1:8080: connect: connection refused", false},
		{"exit status 1: 2026/11/21 socat[12] E connect(5, AF=2 127.0.0.1:8080, 16): Connection refused", "dial tcp 127.0.0.1:8080: connect: connection refused", false},
		{"read tcp4 127.0.0.1:5->127.0.0.1:8080: read: connection reset by peer", "read tcp 127.0.0.1:8080: read: connection reset by peer", false},
		{`failed to find sandbox "x" in store: not found`, `the pod cannot be reached any more: failed to find sandbox "x" in store: not found`, true},
		{"something else\n", "something else", false},
	} {
		err := failureOf(c.text, 8080)
		if err.Error() != c.want || isGone(err) != c.gone {
			t.Errorf("%s:\n%v (gone: %v)\nwant %s (gone: %v)", c.text, err, isGone(err), c.want, c.gone)
		}
	}
}

// What the way takes does not count, neither for the timeout nor as an answer's time.
func TestClockStandsStill(t *testing.T) {
	ctx, clock := newClock(t.Context(), 100*time.Millisecond)
	defer clock.stop()
	clock.Pause()
	time.Sleep(200 * time.Millisecond)
	if ctx.Err() != nil {
		t.Fatal("it ran out while it stood still")
	}
	clock.Resume(0)
	if clock.Left() <= 0 {
		t.Errorf("%s is left", clock.Left())
	}
	<-ctx.Done()
	if !late(ctx) {
		t.Errorf("it ended for another reason: %v", context.Cause(ctx))
	}
}

// commands is a fake of what a container runtime says.
type commands func(ctx context.Context, command []string, out *Output) error

func (c commands) Run(ctx context.Context, _ string, command []string, out *Output, started func()) error {
	started()
	return c(ctx, command, out)
}

func TestCommandVerdicts(t *testing.T) {
	exits := func(code int) commands {
		return func(_ context.Context, _ []string, out *Output) error {
			_, _ = io.WriteString(out, strings.Repeat("x", outputKept+5))
			return exec.CodeExitError{Err: errors.New("exit"), Code: code}
		}
	}
	for name, c := range map[string]struct {
		run  commands
		want probe.Sample
	}{
		"passes": {func(context.Context, []string, *Output) error { return nil }, probe.Sample{Verdict: probe.Success}},
		"exit 0": {exits(0), probe.Sample{Verdict: probe.Success}},
		"exit 3": {exits(3), probe.Sample{Verdict: probe.Failure, Reason: strings.Repeat("x", outputKept)}},
		"hangs": {func(ctx context.Context, _ []string, _ *Output) error { <-ctx.Done(); return ctx.Err() },
			probe.Sample{Verdict: probe.Failure, Late: true, Reason: `command timed out: "check a" timed out after 1s`}},
		"not there": {func(context.Context, []string, *Output) error {
			return errors.New(`exec: "check": executable file not found in $PATH`)
		},
			probe.Sample{Verdict: probe.Discarded, Missing: true, Reason: `exec: "check": executable file not found in $PATH`}},
		"runtime broken": {func(context.Context, []string, *Output) error { return errors.New("rpc error") }, probe.Sample{Verdict: probe.Discarded, Reason: "rpc error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"check", "$(A)"}}}}
			got, err := Asker{Commands: c.run}.Ask(t.Context(), p, &corev1.Container{Name: "app", Env: []corev1.EnvVar{{Name: "A", Value: "a"}}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Took = 0; got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// api is an API server that answers everything alike.
func api(t *testing.T, code int, reason metav1.StatusReason) *Cluster {
	t.Helper()
	said := map[int]string{403: `pods "web" is forbidden: User "x" cannot create resource "pods/portforward" in API group "" in the namespace "shop"`, 404: `pods "web" not found`, 500: "etcd is sick"}[code]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, said, code)
	}))
	t.Cleanup(s.Close)
	return NewCluster(&rest.Config{Host: s.URL}, "test")
}

func question() probe.Question {
	p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt(80)}}}
	c := &corev1.Container{Name: "app", LivenessProbe: p}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Status: corev1.PodStatus{PodIP: "10.0.0.1"}}
	return probe.Question{Pod: pod, Container: c, Type: probe.Liveness, Probe: p}
}

// What keeps a probe from being asked is told, and is no verdict.
func TestBarredWays(t *testing.T) {
	elsewhere := question()
	elsewhere.Probe.HTTPGet.Host = "db.example"
	command := question()
	command.Probe.ProbeHandler = corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"check", "it"}}}
	for name, c := range map[string]struct {
		q      probe.Question
		code   int
		reason metav1.StatusReason
		skip   probe.Skip
		detail string
	}{
		"forbidden":          {question(), 403, metav1.StatusReasonForbidden, probe.NoTransport, "forbidden: create pods/portforward in namespace shop"},
		"the pod is gone":    {question(), 404, metav1.StatusReasonNotFound, probe.PodGone, ""},
		"a host":             {elsewhere, 404, metav1.StatusReasonNotFound, probe.HostElsewhere, "db.example"},
		"a command":          {command, 404, metav1.StatusReasonNotFound, probe.ExecNotAsked, "check it"},
		"the server is sick": {question(), 500, metav1.StatusReasonInternalError, probe.NoTransport, "create pods/portforward in namespace shop: etcd is sick"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, err := api(t, c.code, c.reason).Run(t.Context(), []probe.Question{c.q}, Options{Samples: 3})
			if err != nil {
				t.Fatal(err)
			}
			got := answers[0]
			if got.Question.Skip != c.skip || !strings.HasPrefix(got.Question.Detail, c.detail) || len(got.Samples) != 0 {
				t.Errorf("%s %q with %d samples, want %s %q", got.Question.Skip, got.Question.Detail, len(got.Samples), c.skip, c.detail)
			}
		})
	}
}

// An API server that does not answer holds nobody: the context ends it.
func TestRunEndsWithItsContext(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.CloseClientConnections()
	stop := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
	if _, err := NewCluster(&rest.Config{Host: s.URL}, "test").Run(ctx, []probe.Question{question()}, Options{}); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// A helper pod that may not be made, or that cannot start, is told and left nowhere.
func TestHelperThatCannotStart(t *testing.T) {
	_, err := api(t, 403, metav1.StatusReasonForbidden).StartHelper(t.Context(), "shop", "busybox", "")
	if err == nil || err.Error() != "forbidden: create pods in namespace shop" {
		t.Errorf("%v", err)
	}
	deleted := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		deleted = deleted || r.Method == http.MethodDelete
		fmt.Fprint(w, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"msa-probe-x"},"status":{"containerStatuses":[{"name":"relay","state":{"waiting":{"reason":"ErrImagePull","message":"no such image"}}}]}}`)
	}))
	defer s.Close()
	_, err = NewCluster(&rest.Config{Host: s.URL}, "test").StartHelper(t.Context(), "shop", "nosuch", "")
	if err == nil || !strings.Contains(err.Error(), "the helper pod cannot start: ErrImagePull: no such image") || !deleted {
		t.Errorf("%v, deleted: %v", err, deleted)
	}
}
