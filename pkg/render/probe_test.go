package render

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// probeTexts are the ids that are put together from values, and what the texts may name.
func probeTexts() ([]string, map[string]any) {
	ids := []string{"trial-gone", "trial-new", "suggest-rests", "suggest-seen"}
	for _, t := range probe.Types() {
		ids = append(ids, "probe-"+string(t), "act-"+string(t), "no-verdict-"+string(t), "act-no-verdict-"+string(t))
	}
	for _, s := range []probe.Story{probe.Up, probe.Never, probe.Fails} {
		ids = append(ids, "story-"+string(s))
	}
	for _, x := range []probe.Phase{probe.Untouched, probe.NotReady, probe.InTraffic, probe.Undecided, probe.Stopping, probe.BackingOff} {
		ids = append(ids, "phase-"+string(x))
	}
	for _, kind := range probe.MomentKinds() {
		ids = append(ids, "moment-"+string(kind))
	}
	for _, kind := range causeKinds() {
		ids = append(ids, "cause-"+string(kind))
	}
	args := map[string]any{"ready": 1, "serving": 1, "times": 2, "restarts": 1, "silences": 1, "pods": 2, "default": true, "sidecar": true, "startup": false, "gone": 1, "again": 2, "kills": 1, "atOnce": 1, "guaranteed": 1, "margin": 1, "containers": 2, "runs": 2, "failed": 1, "goesOn": true}
	for _, name := range []string{"span", "period", "timeout", "failures", "successes", "delay", "was", "set", "title", "grace", "sure", "maybe", "pod", "container", "probe", "service", "services", "target", "seconds", "what", "code", "longest", "for", "reason", "namespace", "within", "kinds", "type", "half", "most", "all"} {
		args[name] = "x"
	}
	more, moreArgs := ranTexts()
	maps.Copy(args, moreArgs)
	return append(ids, more...), args
}

// causeKinds are the moments that others are told to follow from.
func causeKinds() []probe.MomentKind {
	return []probe.MomentKind{
		probe.PodNew, probe.ContainerRunning, probe.BecameReady, probe.ProbeFailed, probe.BecameUnfit,
		probe.OutOfService, probe.ContainerKilled, probe.ContainerEnded, probe.Deleting,
	}
}

func number(n int) *int { return &n }

func millis(n float64) *float64 { return &n }

// threeProbes is a container with all of them, one of two pods seen.
func threeProbes() []probe.Probe {
	one := probe.Probe{
		Pod: "deployment/web", Namespace: "shop", Container: "app", Role: probe.App, Type: probe.Startup, Handler: "GET http /live on port web (8080)", Pods: 2,
		Values: probe.Values{PeriodSeconds: 5, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 13, Default: []probe.Field{probe.InitialDelay, probe.Timeout, probe.SuccessThreshold}},
		Timing: probe.Timing{
			FirstRunLatestSeconds: 5, ActEarliestSeconds: 60, ActLatestSeconds: 66, StartupGuaranteedSeconds: number(60), StartupMaximumSeconds: number(66),
			KilledSeconds: number(96), RestartSeconds: number(396), RestartsAtOnce: number(5),
		},
		Seen: &probe.Seen{Starts: 2, FastestSeconds: 4, SlowestSeconds: 11, MarginSeconds: 9},
	}
	two, three := one, one
	two.Type, two.Handler = probe.Readiness, "gRPC health check on port 9090 of service shop.Web"
	two.Values = probe.Values{InitialDelaySeconds: 10, PeriodSeconds: 10, TimeoutSeconds: 2, SuccessThreshold: 2, FailureThreshold: 3, Default: []probe.Field{probe.Period, probe.FailureThreshold}}
	two.Timing = probe.Timing{FirstRunEarliestSeconds: 10, FirstRunLatestSeconds: 20, ActEarliestSeconds: 20, ActLatestSeconds: 32, LeaveServiceSeconds: number(32)}
	two.Counted = &probe.Counted{Pods: 2, Successes: 1201, Failures: 3, P50AtMostMs: millis(5), P95AtMostMs: millis(25), P99AtMostMs: millis(2500)}
	three.Type, three.Handler = probe.Liveness, "exec /bin/check --quick"
	three.Values = probe.Values{PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1, TerminationGracePeriodSeconds: number(5), Default: []probe.Field{probe.Period}}
	three.Timing = probe.Timing{FirstRunLatestSeconds: 10, ActLatestSeconds: 11, KilledSeconds: number(16)}
	return []probe.Probe{one, two, three}
}

func probeReport(findings []finding.Finding, probes []probe.Probe) probe.Report {
	r := probe.Report{Report: report(findings, nil, "deployment/web"), Probes: probes}
	r.Command = "probe check"
	return r
}

// probeCheck has a finding, a container in full, one that is not restarted, and one without probes.
func probeCheck(l lang.Lang) any {
	r := probeReport([]finding.Finding{{
		Rule: "probe/missing-liveness", Severity: finding.Info, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1,
		Title: either(l, "Container app has no liveness probe", "컨테이너 app에 liveness 프로브가 없습니다"),
	}}, threeProbes())
	sidecar := threeProbes()[2]
	sidecar.Container, sidecar.Role, sidecar.Namespace, sidecar.Seen = "proxy", probe.Sidecar, "mesh", nil
	sidecar.Timing.StartupGuaranteedSeconds, sidecar.Timing.StartupMaximumSeconds = number(0), number(11)
	sidecar.Timing.RestartSeconds = number(16)
	sidecar.Failures, sidecar.Kills = 12, 2
	sidecar.FailuresSince = &metav1.Time{Time: time.Date(2026, 1, 2, 11, 30, 0, 0, time.UTC)}
	r.Probes = append(r.Probes, sidecar)
	bare := ref("Deployment", "web")
	bare.Container = "log"
	r.Bare = []finding.Ref{bare}
	return r
}

// probeMany has more containers than are shown in full.
func probeMany(lang.Lang) any {
	r := probeReport(nil, nil)
	for i := range 6 {
		for _, x := range threeProbes() {
			x.Pod = fmt.Sprintf("deployment/web-%d", i/2)
			x.Container = fmt.Sprintf("app-%d", i)
			r.Probes = append(r.Probes, x)
		}
	}
	return r
}

// probeTrial shows a timeline and a change that is tried out.
func probeTrial(l lang.Lang) any {
	r := probeReport(nil, threeProbes()[:2])
	r.Probes[0].Was = &probe.Was{Values: r.Probes[0].Values, Timing: r.Probes[0].Timing}
	r.Probes[0].Values.FailureThreshold = 25
	r.Probes[0].Timing.StartupGuaranteedSeconds, r.Probes[0].Timing.StartupMaximumSeconds = number(120), number(126)
	r.Trial = &probe.Trial{
		Set:  []string{"startup.failureThreshold=25"},
		Gone: []finding.Symptom{{Rule: "probe/startup-too-short", Object: ref("Deployment", "web"), Title: either(l, "The start takes longer", "시작이 더 오래 걸립니다")}},
		New:  []finding.Symptom{{Rule: "probe/kills-during-deploy", Object: ref("Deployment", "web"), Title: either(l, "The deadline is sooner", "기한이 더 빠릅니다")}},
	}
	r.Timeline = &probe.Timeline{Pod: "deployment/web", Namespace: "shop", Container: "app", Bars: []probe.Bar{
		{Story: probe.Up, Phase: probe.NotReady, Ends: probe.Span{Earliest: 10, Latest: 28}},
		{Story: probe.Never, Phase: probe.Untouched, Ends: probe.Span{Earliest: 120, Latest: 126}},
		{Story: probe.Never, Phase: probe.Stopping, Begins: probe.Span{Earliest: 120, Latest: 126}, Ends: probe.Span{Earliest: 150, Latest: 156}},
		{Story: probe.Never, Phase: probe.BackingOff, Begins: probe.Span{Earliest: 150, Latest: 156}, Ends: probe.Span{Earliest: 450, Latest: 456}},
		{Story: probe.Fails, Phase: probe.InTraffic, Ends: probe.Span{Earliest: 20, Latest: 32}},
	}}
	return r
}

func suggestReport() probe.SuggestReport {
	r := probe.SuggestReport{Report: report(nil, nil, "deployment/web")}
	r.Command = "probe suggest"
	return r
}

func probeSuggest(l lang.Lang) any {
	r := suggestReport()
	object, other := ref("Deployment", "web"), ref("Deployment", "web")
	object.Container, other.Container = "app", "proxy"
	r.Suggestions = []probe.Suggestion{{
		Object: object, Starts: 5, Reasons: []string{either(l, "5 starts were seen, the slowest ready after 25 s at the most.", "시작을 5번 보았고 가장 느린 것이 늦어도 25초에 준비되었습니다.")},
		Patch:   "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        startupProbe:\n          failureThreshold: 11\n",
		Command: `kubectl -n shop patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","startupProbe":{"failureThreshold":11}}]}}}}'`,
	}, {Object: other, Reasons: []string{either(l, "Answers came late.", "응답이 늦었습니다.")}, Patch: "spec: {}\n", Command: "kubectl -n shop patch deployment web -p '{}'"}}
	third := ref("Deployment", "web")
	third.Container = "log"
	r.None = []probe.None{{Object: third, Why: either(l, "only 1 start was seen", "시작을 1번만 보았습니다")}}
	r.Answers = []probe.AnswerTimes{{Object: object, Type: probe.Readiness, TimeoutSeconds: 1, Counted: probe.Counted{Successes: 1201, P50AtMostMs: millis(5), P95AtMostMs: millis(25)}}}
	return r
}

func probeSuggestNone(l lang.Lang) any {
	r := suggestReport()
	object := ref("Deployment", "web")
	object.Container = "app"
	r.None = []probe.None{{Object: object, Why: either(l, "only 1 start was seen", "시작을 1번만 보았습니다")}}
	r.AnswersUnknown = true
	return r
}

// A bar has the same width whatever it shows, and shows something wherever there is something.
func TestBar(t *testing.T) {
	p := newPage(nil, Options{ASCII: true})
	for _, c := range []struct {
		bar   probe.Bar
		scale int
		want  string
	}{
		{probe.Bar{Ends: probe.Span{Earliest: 5, Latest: 10}}, 10, "#####....."},
		{probe.Bar{Begins: probe.Span{Earliest: 2, Latest: 4}, Ends: probe.Span{Earliest: 6, Latest: 8}}, 10, "  ..##..  "},
		{probe.Bar{Begins: probe.Span{Earliest: 2, Latest: 8}, Ends: probe.Span{Earliest: 4, Latest: 10}}, 10, "  ........"},
		{probe.Bar{Ends: probe.Span{Earliest: 1, Latest: 1}}, 1000, ".         "},
		{probe.Bar{Begins: probe.Span{Earliest: 500, Latest: 500}, Ends: probe.Span{Earliest: 501, Latest: 501}}, 1000, "     .    "},
	} {
		if got := p.bar(c.bar, c.scale, 10); got != c.want {
			t.Errorf("%+v of %d: %q, want %q", c.bar, c.scale, got, c.want)
		}
	}
}

// The numbers of a probe survive the trip into text.
func TestProbeLines(t *testing.T) {
	text := write(t, probeCheck(lang.English), Options{Lang: lang.English})
	for _, want := range []string{
		"every 5 s, timeout 1 s*, 13 failures in a row\n", "every 10 s*, timeout 2 s, 3* failures in a row, 2 successes\n", "1 failure in a row, grace period 5 s of its own\n",
		"60 to 66 s after its start: 60 s are guaranteed", "gone 96 s after its start at the latest; restarted at once 5 times, then after 396 s at the latest",
		"asked once the startup probe has passed, 10 s after the start at the earliest", "gone 16 s after that beginning at the latest, and not started again",
		"gone 16 s after that beginning at the latest; restarted at once", "2 starts: ready after 4 to 11 s (the probes notice up to 9 s late)",
		"deployment/web -n mesh, container proxy (sidecar)", "failed 12 times or more since 11:30:00Z, and ended 2 containers for it", "1 container has no probe: deployment/web log",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// A life without any bar is told in words.
func TestATimelineWithoutBars(t *testing.T) {
	var b strings.Builder
	r := probe.Report{Timeline: &probe.Timeline{Pod: "deployment/web", Namespace: "shop", Container: "app"}}
	if err := Write(&b, r, Options{Lang: lang.English, Width: 200}); err != nil || !strings.Contains(b.String(), "none of its probes ever decides anything") || strings.Contains(b.String(), "for certain") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

// A probe whose port does not resolve does none of what its numbers say.
func TestAProbeWithoutAVerdict(t *testing.T) {
	for kind, says := range map[probe.Type]string{
		probe.Startup: "never counts as started", probe.Readiness: "never becomes ready", probe.Liveness: "never ends the container",
	} {
		for _, blind := range []bool{true, false} {
			x := threeProbes()[0]
			x.Type, x.NoVerdict = kind, blind
			if kind == probe.Readiness {
				x.Timing = probe.Timing{ActLatestSeconds: 32, LeaveServiceSeconds: number(32)}
			}
			var b strings.Builder
			if err := Write(&b, probe.Report{Probes: []probe.Probe{x}}, Options{Lang: lang.English, Format: Wide, Width: 200}); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(b.String()), " ")
			acts := strings.Contains(text, "ends a container that does not pass") || strings.Contains(text, "ends it ") || strings.Contains(text, "takes it out")
			if strings.Contains(text, says) != blind || acts == blind {
				t.Errorf("%s, no verdict %t:\n%s", kind, blind, text)
			}
		}
	}
}
