package render

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

var one = time.Date(2026, 1, 2, 13, 0, 0, 0, time.UTC)

// Every kind of moment has words in both languages, on one line, whatever a cluster says.
func TestProbeMoments(t *testing.T) {
	code := int32(137)
	for _, kind := range probe.MomentKinds() {
		m := probe.Moment{Time: metav1.NewMicroTime(one), Event: kind, Pod: "web-1", Container: "app", Probe: probe.Liveness, Service: "web", Reason: "a\nb", Times: 2, ExitCode: &code, Restarts: 3}
		for _, cause := range causeKinds() {
			m.Since = append(m.Since, probe.Since{Event: cause, Seconds: 1.24})
		}
		for _, l := range []lang.Lang{lang.English, lang.Korean} {
			line, err := ProbeMoment(m, Options{Lang: l})
			if err != nil || strings.Contains(line, "\n") || strings.Contains(line, "<no value>") || strings.Contains(line, "moment-"+string(kind)) {
				t.Errorf("%s in %s: %q, %v", kind, l, line, err)
			}
		}
	}
	m := probe.Moment{Time: metav1.NewMicroTime(one), Event: probe.OutOfService, Pod: "web-1", Service: "web",
		Since: []probe.Since{{Event: probe.BecameUnfit, Seconds: 0.1}, {Event: probe.ProbeFailed, Seconds: 4.3}}}
	got, _ := ProbeMoment(m, Options{Lang: lang.English})
	if want := "2026-01-02T13:00:00Z  web-1 is out of Service web: 0.1 s after it stopped being ready, 4.3 s after the first failure"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The view keeps to the height of the terminal, and shows first what is not well.
func TestProbeLiveFits(t *testing.T) {
	v := probe.WatchView{Target: finding.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Services: []string{"web"}, Began: one}
	v.Pods = append(v.Pods, probe.WatchedPod{Pod: "web-bad", Since: one})
	for range 100 {
		v.Pods = append(v.Pods, probe.WatchedPod{Pod: "web-good", Ready: true, In: []string{"web"}})
	}
	var moments []probe.Moment
	for range 50 {
		moments = append(moments, probe.Moment{Time: metav1.NewMicroTime(one), Event: probe.BecameReady, Pod: "web-good"})
	}
	for _, height := range []int{0, 15, 24, 60} {
		text, err := ProbeLive(v, moments, one.Add(time.Minute), height, Options{Lang: lang.English, Width: 80})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if height > 0 && len(lines) >= height {
			t.Errorf("%d lines on a terminal of %d", len(lines), height)
		}
		if !strings.Contains(lines[2], "web-bad") || !strings.Contains(lines[2], "no, for 1m") {
			t.Errorf("the first pod is %q", lines[2])
		}
		for _, l := range lines {
			if columns(l) > 80 {
				t.Errorf("%d columns: %q", columns(l), l)
			}
		}
	}
}

func TestProbeWatchEnd(t *testing.T) {
	s := probe.WatchSummary{Target: "deployment/web", Seconds: 61.2}
	quiet, err := ProbeWatchEnd(s, Options{Lang: lang.English})
	if err != nil || quiet != "deployment/web was watched for 1m1s, and nothing happened.\n" {
		t.Errorf("%q, %v", quiet, err)
	}
	s.Silences = 1
	s.Pods = []probe.Tally{{Pod: "web-1", Failures: map[probe.Type]int{probe.Liveness: 3, probe.Readiness: 2}, Kills: 1, Restarts: 1, TimesUnready: 4, TimesOut: 5, LongestOutSeconds: 20.51}}
	text, err := ProbeWatchEnd(s, Options{Lang: lang.English})
	if err != nil || !strings.Contains(text, "nothing was heard 1 time") || !strings.Contains(strings.Join(strings.Fields(text), " "), "web-1 readiness 2, liveness 3 4 5, 20.5 s at most 1 1") {
		t.Errorf("%q, %v", text, err)
	}
}
