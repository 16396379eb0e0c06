package probe_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

const watchedWorkload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: app
        image: %[1]s
        command: [/server, switches]
        startupProbe: {periodSeconds: 1, failureThreshold: 100, timeoutSeconds: 5, httpGet: {path: /startup, port: %[2]d}}
        readinessProbe: {periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 5, httpGet: {path: /ready, port: %[2]d}}
        livenessProbe: {periodSeconds: 1, failureThreshold: 3, timeoutSeconds: 5, httpGet: {path: /live, port: %[2]d}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: %[2]d}]
`

// A pod's readiness goes and comes back, its container is killed for its
// liveness probe, and it is deleted. A watch tells each of it with what it
// followed from, for people and for programs, and ends as Ctrl-C ends it.
func TestWatchTellsWhatHappens(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(watchedWorkload, serverImage, misbehave.Fixed().HTTP))
	pod := servingPod(t, c, ns)
	text, program := beginWatch(t, c, ns), beginWatch(t, c, ns, "-o", "json")
	told := func(what string, kinds ...probe.MomentKind) {
		t.Helper()
		program.await(t, c, what, kinds...)
	}
	told("the beginning", probe.Watching)
	c.WaitFor(t, "the text to begin", patience, func(context.Context) (bool, string, error) {
		return strings.Contains(text.so(), "1 pod is watched: 1 ready, 1 in a Service"), text.so(), nil
	})

	// The kill comes first: a kubelet writes no more than 25 events of a pod at a time.
	flip(t, c, ns, pod, "live", 500)
	told("the kill", probe.ProbeFailed, probe.ContainerKilled, probe.ContainerEnded, probe.ContainerRestarted)
	told("the start", probe.StartPassed)
	c.WaitFor(t, "the pod to be in its Service again", patience, func(context.Context) (bool, string, error) {
		return program.serves(t, pod), program.so(), nil
	})
	flip(t, c, ns, pod, "ready", 503)
	told("readiness to go", probe.ProbeFailed, probe.BecameUnfit, probe.OutOfService)
	flip(t, c, ns, pod, "ready", 200)
	told("readiness to come back", probe.BecameReady, probe.InService)
	if err := c.Typed().CoreV1().Pods(ns).Delete(t.Context(), pod, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	told("the deletion", probe.Deleting, probe.PodLeft)
	c.WaitFor(t, "another pod to take its place", patience, func(context.Context) (bool, string, error) {
		last := program.moments(t)
		return slices.ContainsFunc(last, func(m probe.Moment) bool { return m.Event == probe.InService && m.Pod != pod }), program.so(), nil
	})

	text.end(t)
	program.end(t)
	checkMoments(t, program.moments(t), pod)
	checkWatchText(t, text.so(), pod)
	summary := program.summary(t)
	if len(summary.Pods) != 2 || summary.Silences != 0 {
		t.Fatalf("%+v", summary)
	}
	i := slices.IndexFunc(summary.Pods, func(x probe.Tally) bool { return x.Pod == pod })
	if x := summary.Pods[i]; x.Failures[probe.Readiness] < 2 || x.Failures[probe.Liveness] < 3 || x.Kills != 1 || x.Restarts != 1 || x.TimesUnready < 2 || x.TimesOut < 2 || x.LongestOutSeconds <= 0 {
		t.Errorf("%+v", x)
	}
	t.Log("\n" + text.so())
}

// servingPod waits until the only pod is in its Service, and gives its name.
func servingPod(t *testing.T, c *cluster.Cluster, ns string) (name string) {
	t.Helper()
	c.WaitFor(t, "a pod in its Service", patience, func(ctx context.Context) (bool, string, error) {
		all, err := c.Typed().DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		for _, s := range all.Items {
			for _, e := range s.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready && e.TargetRef != nil {
					name = e.TargetRef.Name
					return true, "", nil
				}
			}
		}
		return false, fmt.Sprintf("%d EndpointSlices", len(all.Items)), nil
	})
	return name
}

// flip sets what a probe of the pod is answered from now on.
func flip(t *testing.T, c *cluster.Cluster, ns, pod, name string, code int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%s to be %d", name, code), patience, func(ctx context.Context) (bool, string, error) {
		_, err := c.Typed().CoreV1().RESTClient().Get().Namespace(ns).Resource("pods").Name(fmt.Sprintf("%s:%d", pod, misbehave.Fixed().HTTP)).
			SubResource("proxy").Suffix("set", name, fmt.Sprint(code)).DoRaw(ctx)
		return err == nil, fmt.Sprint(err), nil
	})
}

// watching is a watch that runs beside the test.
type watching struct {
	cmd  *exec.Cmd
	from int // of the moments, those that were awaited already

	mu        sync.Mutex
	out, said bytes.Buffer
}

// Write takes what it prints.
func (w *watching) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}

// so is what it has printed so far.
func (w *watching) so() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

func beginWatch(t *testing.T, c *cluster.Cluster, ns string, args ...string) *watching {
	t.Helper()
	w := &watching{cmd: exec.CommandContext(t.Context(), workshop.Tool(t), append([]string{"probe", "watch", "deploy/web", "-n", ns}, args...)...)}
	w.cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "MSA_LANG=en")
	w.cmd.Stdout, w.cmd.Stderr = w, &w.said
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// end interrupts it as Ctrl-C does.
func (w *watching) end(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := w.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 || w.said.Len() > 0 {
		t.Errorf("after an interrupt: %v, %s", err, w.said.String())
	}
}

// await waits until it has told moments of these kinds since the last that were awaited.
func (w *watching) await(t *testing.T, c *cluster.Cluster, what string, kinds ...probe.MomentKind) {
	t.Helper()
	c.WaitFor(t, "a watch to tell of "+what, patience, func(context.Context) (bool, string, error) {
		all := w.moments(t)
		at := w.from
		for _, k := range kinds {
			i := slices.IndexFunc(all[at:], func(m probe.Moment) bool { return m.Event == k })
			if i < 0 {
				return false, fmt.Sprintf("no %s in\n%s", k, w.so()), nil
			}
			at += i + 1
		}
		w.from = at
		return true, "", nil
	})
}

// serves says that by what was told last the pod is ready and in its Service.
func (w *watching) serves(t *testing.T, pod string) bool {
	t.Helper()
	ready, in := false, false
	for _, m := range w.moments(t) {
		if m.Pod != pod {
			continue
		}
		switch m.Event {
		case probe.BecameReady, probe.BecameUnfit:
			ready = m.Event == probe.BecameReady
		case probe.InService, probe.OutOfService:
			in = m.Event == probe.InService
		default:
		}
	}
	w.from = len(w.moments(t))
	return ready && in
}

// moments are the whole lines that it has printed, without the summary.
func (w *watching) moments(t *testing.T) []probe.Moment {
	t.Helper()
	var out []probe.Moment
	text := w.so()
	lines := bufio.NewScanner(strings.NewReader(text[:strings.LastIndex(text, "\n")+1]))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), `{"event":"summary"`) {
			continue
		}
		var m probe.Moment
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		out = append(out, m)
	}
	return out
}

func (w *watching) summary(t *testing.T) probe.WatchSummary {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(w.so()), "\n")
	var s probe.WatchSummary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Event != "summary" {
		t.Fatalf("%v: %s", err, lines[len(lines)-1])
	}
	return s
}

// checkMoments holds that effects of each kind name their cause, and that every time
// since a cause is as long as between the two moments themselves. Not each of them
// has one: a kubelet tells of a container's start in several steps.
func checkMoments(t *testing.T, all []probe.Moment, pod string) {
	t.Helper()
	causes := map[probe.MomentKind][]probe.MomentKind{
		probe.BecameUnfit: {probe.ProbeFailed, probe.ContainerEnded}, probe.OutOfService: {probe.BecameUnfit, probe.ContainerEnded, probe.ProbeFailed},
		probe.BecameReady: {probe.BecameUnfit, probe.ContainerRunning}, probe.InService: {probe.BecameReady},
		probe.ContainerKilled: {probe.ProbeFailed}, probe.ContainerEnded: {probe.ContainerKilled},
		probe.ContainerRestarted: {probe.ContainerEnded}, probe.PodLeft: {probe.Deleting},
	}
	for i, m := range all {
		if m.Pod != pod {
			continue
		}
		if slices.ContainsFunc(m.Since, func(s probe.Since) bool { return slices.Contains(causes[m.Event], s.Event) }) {
			delete(causes, m.Event)
		}
		for _, s := range m.Since {
			if s.Event == probe.ProbeFailed { // of a row, the first one counts
				continue
			}
			j := i - 1
			for j >= 0 && (all[j].Pod != m.Pod || all[j].Event != s.Event && (s.Event != probe.ContainerRunning || all[j].Event != probe.ContainerRestarted)) {
				j--
			}
			if j < 0 {
				t.Errorf("%s follows from %s, which was not told", m.Event, s.Event)
				continue
			}
			if apart := m.Time.Sub(all[j].Time.Time).Seconds(); apart-s.Seconds > 0.001 || s.Seconds-apart > 0.001 {
				t.Errorf("%s: %.3f s after %s, which was told %.3f s before", m.Event, s.Seconds, s.Event, apart)
			}
		}
	}
	if len(causes) > 0 {
		t.Errorf("never told with one of their causes: %v", causes)
	}
}

// checkWatchText holds that people are told the same.
func checkWatchText(t *testing.T, text, pod string) {
	t.Helper()
	const secs = `\d+\.\d s after `
	for _, want := range []string{
		pod + ` container app: readiness failed .*503`,
		pod + ` is not ready any more \(container app\): ` + secs + `the first failure`,
		pod + ` is out of Service shop: .*` + secs + `it stopped being ready`,
		pod + ` is ready: `,
		pod + ` is in Service shop: .*` + secs + `it became ready`,
		pod + ` container app: liveness failed .*500`,
		pod + ` container app is ended for its liveness probe: ` + secs + `the first failure`,
		pod + ` container app has ended with exit code \d+.*: ` + secs + `the kubelet's decision`,
		pod + ` container app runs again, restart 1: ` + secs + `its container ended`,
		pod + ` is being deleted`,
		pod + ` is gone: ` + secs + `the deletion`,
		`is new`,
		`deployment/web was watched for`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the text does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
