package probe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func TestSuggest(t *testing.T) {
	ready := get("/ready", func(p *corev1.Probe) { p.PeriodSeconds = 1 })
	live := func(delay int32) *corev1.Probe {
		return get("/live", func(p *corev1.Probe) { p.InitialDelaySeconds = delay })
	}
	for name, c := range map[string]struct {
		container corev1.Container
		starts    []int
		// patch are parts of the patch, none parts of the reason for which there is none.
		patch, none []string
	}{
		"slow starts want a startup probe": {
			corev1.Container{LivenessProbe: live(0), ReadinessProbe: ready}, []int{9, 14, 25},
			[]string{"startupProbe:", "path: /live", "periodSeconds: 5", "failureThreshold: 11"}, nil,
		},
		"a long delay becomes a startup probe": {
			corev1.Container{LivenessProbe: live(300), ReadinessProbe: ready}, []int{9, 14, 25},
			[]string{"startupProbe:", "failureThreshold: 11", "livenessProbe:\n          initialDelaySeconds: 0"}, nil,
		},
		"a startup probe too short grows": {
			corev1.Container{StartupProbe: get("/live", func(p *corev1.Probe) { p.FailureThreshold = 4 }), ReadinessProbe: ready}, []int{9, 14, 25},
			[]string{"startupProbe:\n          failureThreshold: 6\n"}, nil,
		},
		"readiness need not wait": {
			corev1.Container{ReadinessProbe: get("/ready", func(p *corev1.Probe) { p.InitialDelaySeconds, p.PeriodSeconds = 20, 5 })}, []int{20, 22, 25},
			[]string{"readinessProbe:\n          initialDelaySeconds: 0"}, nil,
		},
		"what fits stays": {
			corev1.Container{StartupProbe: get("/live", func(p *corev1.Probe) { p.FailureThreshold = 30 }), ReadinessProbe: ready}, []int{9, 14, 25},
			nil, []string{"fits the 3 starts", "25 s"},
		},
		"two starts are too few": {
			corev1.Container{LivenessProbe: live(0), ReadinessProbe: ready}, []int{9, 25},
			nil, []string{"only 2 starts", "3 are needed"},
		},
		"nothing tells when a start was over": {
			corev1.Container{LivenessProbe: live(0)}, []int{0, 0, 0},
			nil, []string{"no readiness or startup probe"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := Suggest(scene(c.container, c.starts...), web, english(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.none) > 0 {
				if len(report.Suggestions) > 0 || len(report.None) != 1 {
					t.Fatalf("%+v", report)
				}
				hold(t, report.None[0].Why, c.none)
				return
			}
			if len(report.Suggestions) != 1 || report.Suggestions[0].Starts != len(c.starts) {
				t.Fatalf("%+v %+v", report.Suggestions, report.None)
			}
			s := report.Suggestions[0]
			hold(t, s.Patch, append(c.patch, "name: app"))
			hold(t, s.Command, []string{"kubectl -n shop patch deployment web -p '{"})
			if len(s.Reasons) == 0 {
				t.Error("no reason")
			}
		})
	}
}

// What is suggested holds: with it, the same starts are ample.
func TestSuggestionFits(t *testing.T) {
	for _, slow := range []int{1, 14, 15, 16, 25, 120, 600} {
		c := corev1.Container{StartupProbe: get("/live", func(p *corev1.Probe) { p.PeriodSeconds, p.FailureThreshold = 7, 90 }), ReadinessProbe: get("/ready", nil)}
		v := Values{PeriodSeconds: 7, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1, InitialDelaySeconds: 3}
		v.FailureThreshold = threshold(v, 2*slow)
		if got := v.FromStart().Earliest; got < 2*slow || got >= 2*slow+7 && v.FailureThreshold > 1 {
			t.Errorf("for %d s: %d s guaranteed", slow, got)
		}
		c.StartupProbe.FailureThreshold = int32(v.FailureThreshold)
		c.StartupProbe.InitialDelaySeconds = 3
		report, err := Suggest(scene(c, slow, slow, slow), web, english(t))
		if err != nil || len(report.Suggestions) > 0 {
			t.Errorf("for %d s: %+v, %v", slow, report.Suggestions, err)
		}
	}
}

func TestSuggestNothingForManifestsAndPods(t *testing.T) {
	s := snapshot.New(snapshot.FromManifests, noon)
	for _, o := range scene(corev1.Container{LivenessProbe: get("/live", nil)}).Objects() {
		s.Add(o)
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", LivenessProbe: get("/live", nil)}}}}
	pod.Name, pod.Namespace = "alone", "shop"
	s.Add(pod)
	for _, l := range lang.All() {
		o := english(t)
		o.Lang = l
		report, err := Suggest(s, Query{Namespace: "shop"}, o)
		if err != nil || len(report.Suggestions) != 0 || len(report.None) != 2 {
			t.Fatalf("%+v, %v", report, err)
		}
		for _, n := range report.None {
			if strings.Contains(n.Why, "{{") || n.Why == "" {
				t.Errorf("%s: %s", l, n.Why)
			}
		}
	}
}

// What the events of the last ten minutes tell is counted; older ones and those of other probes are not.
func TestFailuresAreCounted(t *testing.T) {
	s := scene(corev1.Container{LivenessProbe: get("/live", nil), ReadinessProbe: get("/ready", nil)}, 5)
	for i, e := range []struct {
		reason, message string
		age             time.Duration
		count           int32
	}{
		{"Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", time.Minute, 4},
		{"Unhealthy", "(combined from similar events): Liveness probe failed: x", 2 * time.Minute, 3},
		{"Unhealthy", "Liveness probe failed: y", time.Hour, 90},
		{"Unhealthy", "Readiness probe failed: z", time.Minute, 0},
		{"Killing", "Container app failed liveness probe, will be restarted", time.Minute, 2},
		{"Killing", "Stopping container app", time.Minute, 1},
	} {
		s.Add(&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("e", i)}, Reason: e.reason, Message: e.message, Count: e.count,
			LastTimestamp:  metav1.NewTime(noon.Add(-e.age)),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web-5d9-0", FieldPath: "spec.containers{app}"},
		})
	}
	report, err := Check(s, web, english(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Probes {
		want := map[Type][2]int{Liveness: {7, 2}, Readiness: {1, 0}}[p.Type]
		if p.Failures != want[0] || p.Kills != want[1] {
			t.Errorf("%s: %d failures, %d kills, want %v", p.Type, p.Failures, p.Kills, want)
		}
	}
}

func hold(t *testing.T, text string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}
