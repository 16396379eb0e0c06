package probe

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var ranAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// livePod runs for two minutes with all three probes; change makes it another.
func livePod(change func(*corev1.Pod)) *corev1.Pod {
	yes := true
	asks := func(period int32) *corev1.Probe {
		return &corev1.Probe{PeriodSeconds: period, FailureThreshold: 3, TimeoutSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt(80)}}}
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", StartupProbe: asks(1), ReadinessProbe: asks(5), LivenessProbe: asks(10)}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.9", ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(ranAt.Add(-2 * time.Minute))}},
		}}},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

// refusals is the kubelet's event of a readiness probe that is refused.
func refusals(times int32, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "e"}, Reason: unhealthy, Message: message, Count: times, LastTimestamp: metav1.NewTime(ranAt.Add(-2 * time.Second)),
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web", UID: "u", FieldPath: "spec.containers{app}"},
	}
}

// run puts answers to a pod's probes together: verdicts by type, the rest is not asked.
func ranReport(t *testing.T, pod *corev1.Pod, answer func(Question) Answer, more ...snapshot.Object) RunReport {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, ranAt)
	s.Add(pod)
	for _, o := range more {
		s.Add(o)
	}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Pod", Namespace: "shop", Name: "web"}}}
	questions, _, err := Questions(s, q, Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	var answers []Answer
	for _, x := range questions {
		a := answer(x)
		a.Question = x
		if a.Transport == "" {
			a.Transport = PortForward
		}
		answers = append(answers, a)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	later := map[finding.Ref]*corev1.Pod{}
	for _, x := range Suspects(s, q, answers) {
		again := x.Pod.DeepCopy()
		again.Status.ContainerStatuses[0].Ready = again.Annotations["later"] == "ready"
		later[rule.RefTo(x.Pod)] = again
	}
	var r RunReport
	for _, l := range lang.All() {
		if r, err = Run(s, RunInput{Query: q, Answers: answers, Later: later}, Options{Lang: l, Catalogue: catalogue}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func samples(v Verdict, reason string) Answer {
	return Answer{Samples: []Sample{{Verdict: v, Reason: reason, Took: 20 * time.Millisecond}}}
}

// What follows from a verdict depends on the probe, and on the state that the container is in.
func TestOutcomes(t *testing.T) {
	notReady := func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Ready = false }
	starting := func(pod *corev1.Pod) {
		no := false
		s := &pod.Status.ContainerStatuses[0]
		s.Ready, s.Started = false, &no
		s.State.Running.StartedAt = metav1.NewTime(ranAt.Add(-time.Second))
	}
	once := func(pod *corev1.Pod) { pod.Spec.RestartPolicy = corev1.RestartPolicyNever }
	for _, c := range []struct {
		name    string
		change  func(*corev1.Pod)
		t       Type
		verdict Verdict
		want    Effect
		from    int
		to      int
	}{
		{"passes", nil, Liveness, Success, Passes, -1, -1},
		{"liveness fails", nil, Liveness, Failure, Killed, 20, 31},
		{"liveness fails, and nobody restarts it", once, Liveness, Failure, Ended, 20, 31},
		{"readiness fails", nil, Readiness, Failure, Leaves, 10, 16},
		{"readiness fails as before", notReady, Readiness, Failure, KeptOut, -1, -1},
		{"startup fails, long after", nil, Startup, Failure, StartedBefore, -1, -1},
		{"startup fails in the start", starting, Startup, Failure, Killed, 1, 3},
		{"liveness fails in the start", starting, Liveness, Failure, AwaitsStartup, -1, -1},
		{"liveness says nothing", nil, Liveness, Discarded, Unprotected, -1, -1},
		{"readiness says nothing", nil, Readiness, Discarded, StaysReady, -1, -1},
		{"readiness never said anything", notReady, Readiness, Discarded, NeverReady, -1, -1},
		{"startup says nothing", starting, Startup, Discarded, NeverStarts, -1, -1},
	} {
		r := ranReport(t, livePod(c.change), func(q Question) Answer {
			if q.Type == c.t {
				return samples(c.verdict, "x")
			}
			return samples(Success, "")
		})
		for _, x := range r.Probes {
			if x.Type != c.t {
				continue
			}
			got := x.Outcome
			if got.Effect != c.want || (got.EarliestSeconds == nil) != (c.from < 0) || c.from >= 0 && (*got.EarliestSeconds != c.from || *got.LatestSeconds != c.to) {
				t.Errorf("%s: %s %v %v", c.name, got.Effect, got.EarliestSeconds, got.LatestSeconds)
			}
		}
	}
}

// Findings of a run: what fires, and its near misses.
func TestRunFindings(t *testing.T) {
	const refusedWords = "Readiness probe failed: Get \"http://10.0.0.9:80/\": dial tcp 10.0.0.9:80: connect: connection refused"
	notReady := func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].Ready = false }
	slow := func(pod *corev1.Pod) {
		notReady(pod)
		pod.Annotations = map[string]string{"later": "ready"}
	}
	young := func(pod *corev1.Pod) {
		notReady(pod)
		pod.Status.ContainerStatuses[0].State.Running.StartedAt = metav1.NewTime(ranAt.Add(-3 * time.Second))
	}
	pass := samples(Success, "")
	fail := samples(Failure, "HTTP probe failed with statuscode: 500")
	hiccup := Answer{Samples: []Sample{{Verdict: Success}, {Verdict: Failure, Reason: "x"}, {Verdict: Success}}}
	both := samples(Failure, `Get "http://10.0.0.9:80/": dial tcp 10.0.0.9:80: connect: connection refused`)
	both.Transport, both.Loopback = Helper, &Sample{Verdict: Success}
	neither := both
	neither.Loopback = &Sample{Verdict: Failure}
	away := Answer{Samples: []Sample{{Verdict: Success, Warning: true, Reason: "Probe terminated redirects"}}}
	missing := Answer{Transport: InContainer, Samples: []Sample{{Verdict: Discarded, Missing: true, Reason: "executable file not found"}}}
	command := func(pod *corev1.Pod) {
		pod.Spec.Containers[0].ReadinessProbe.ProbeHandler = corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/nosuch"}}}
	}
	for _, c := range []struct {
		name      string
		change    func(*corev1.Pod)
		readiness Answer
		events    []snapshot.Object
		want      string
		severity  finding.Severity
	}{
		{"all pass", nil, pass, nil, "", ""},
		{"it fails", nil, fail, nil, "probe/failing-now", finding.Error},
		{"it fails and is out", notReady, fail, nil, "probe/failing-now", finding.Error},
		{"it fails in the start", young, fail, nil, "", ""},
		{"one of three fails", nil, hiccup, nil, "", ""},
		{"the address refuses, loopback passes", nil, both, nil, "probe/loopback-only", finding.Error},
		{"both refuse", nil, neither, nil, "probe/failing-now", finding.Error},
		{"it passes, and the kubelet is refused", notReady, pass, []snapshot.Object{refusals(20, refusedWords)}, "probe/loopback-only", finding.Error},
		{"it passes, and the kubelet notices soon after", slow, pass, []snapshot.Object{refusals(20, refusedWords)}, "", ""},
		{"it passes, and the kubelet was refused once", notReady, pass, []snapshot.Object{refusals(1, refusedWords)}, "", ""},
		{"it passes, and the kubelet was refused before", nil, pass, []snapshot.Object{refusals(20, refusedWords)}, "", ""},
		{"it passes, and the kubelet gets a 500", notReady, pass, []snapshot.Object{refusals(20, "Readiness probe failed: HTTP probe failed with statuscode: 500")}, "", ""},
		{"it is sent away", nil, away, nil, "probe/redirects-away", finding.Warning},
		{"there is no such program", command, missing, nil, "probe/exec-missing-binary", finding.Error},
	} {
		r := ranReport(t, livePod(c.change), func(q Question) Answer {
			if q.Type == Readiness {
				return c.readiness
			}
			return pass
		}, c.events...)
		switch {
		case c.want == "" && len(r.Findings) > 0:
			t.Errorf("%s: %s fires: %s", c.name, r.Findings[0].Rule, r.Findings[0].Title)
		case c.want == "":
		case len(r.Findings) != 1 || r.Findings[0].Rule != c.want || r.Findings[0].Severity != c.severity || len(r.Findings[0].Evidence) == 0:
			t.Errorf("%s: %+v", c.name, r.Findings)
		}
	}
}

func TestLatencies(t *testing.T) {
	a := Answer{Question: Question{Probe: &corev1.Probe{TimeoutSeconds: 1}}}
	for i := range 20 {
		a.Samples = append(a.Samples, Sample{Verdict: Success, Took: time.Duration(20-i) * 10 * time.Millisecond})
	}
	all := a.latencies()
	if p50, p95, most := quantile(all, 0.5), quantile(all, 0.95), all[len(all)-1]; p50 != 100*time.Millisecond || p95 != 190*time.Millisecond || most != 200*time.Millisecond {
		t.Errorf("%s %s %s", p50, p95, most)
	}
	if room := headroom(190*time.Millisecond, 1); room != 81 {
		t.Errorf("%d%% headroom", room)
	}
	if room := headroom(2*time.Second, 1); room != 0 {
		t.Errorf("%d%% headroom", room)
	}
	// A run that the timeout ended took all of it; one whose time is not known counts for nothing.
	a.Samples = []Sample{{Late: true, Verdict: Failure}, {Verdict: Success}}
	if all := a.latencies(); len(all) != 1 || all[0] != time.Second {
		t.Errorf("%v", all)
	}
}
