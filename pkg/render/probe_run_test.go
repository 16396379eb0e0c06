package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// ranTexts are the ids that are put together from values, and what the texts may name.
func ranTexts() ([]string, map[string]any) {
	ids := []string{"ran-left-out"}
	for _, v := range []probe.Verdict{probe.Success, probe.Failure, probe.Discarded} {
		ids = append(ids, "ran-"+string(v))
	}
	for _, t := range []probe.Transport{probe.Helper, probe.PortForward, probe.InContainer} {
		ids = append(ids, "transport-"+string(t))
	}
	for _, e := range []probe.Effect{
		probe.Leaves, probe.KeptOut, probe.Killed, probe.Ended, probe.StartedBefore, probe.AwaitsStartup,
		probe.NeverStarts, probe.NeverReady, probe.StaysReady, probe.Unprotected,
	} {
		ids = append(ids, "follows-"+string(e))
	}
	args := map[string]any{"total": 1, "left": 3, "samples": 2, "of": 2, "one": true}
	for _, name := range []string{"reason", "handler", "transport", "p50", "p95", "max"} {
		args[name] = "x"
	}
	return ids, args
}

func milliseconds(v float64) *float64 { return &v }

// ranProbe is a probe with its verdict.
func ranProbe(x probe.Probe, v probe.Verdict, reason string, e probe.Effect) probe.Ran {
	x.Pod, x.Pods = "pod/web-7d4b9-x2v5q", 1
	r := probe.Ran{Probe: x, Verdict: v, Reason: reason, Transport: probe.PortForward, Samples: 20, Outcome: probe.Outcome{Effect: e}}
	switch v {
	case probe.Success:
		r.Passed = 20
	case probe.Failure:
		r.Passed, r.Failed = 2, 18
	case probe.Discarded:
		r.Discarded = 20
	case probe.NotRun:
	}
	return r
}

func runReport(l lang.Lang, findings []finding.Finding, probes ...probe.Ran) probe.RunReport {
	r := probe.RunReport{Report: report(findings, nil, "deployment/web"), Probes: probes}
	r.Command = "probe run"
	r.Transports = []probe.Sight{{Transport: probe.PortForward, CannotSee: either(l, "Port forwarding reaches the loopback of the pod, and the kubelet its address.", "port-forward는 Pod의 loopback에 닿지만 kubelet은 Pod의 주소에 묻습니다.")}}
	return r
}

// probeRun has a probe that passes with times, one that fails, one without a verdict, and one that was not asked.
func probeRun(l lang.Lang) any {
	three := threeProbes()
	up := ranProbe(three[0], probe.Success, "", probe.Passes)
	up.P50Ms, up.P95Ms, up.MaxMs, up.HeadroomPercent = milliseconds(4.2), milliseconds(835.4), milliseconds(910), number(16)
	down := ranProbe(three[1], probe.Failure, `service unhealthy (responded with "NOT_SERVING")`, probe.Leaves)
	down.Outcome.EarliestSeconds, down.Outcome.LatestSeconds = number(20), number(32)
	down.P50Ms, down.P95Ms, down.MaxMs, down.HeadroomPercent = milliseconds(0.4), milliseconds(3.1), milliseconds(12), number(99)
	lost := ranProbe(three[2], probe.Discarded, `exec: "/bin/check": executable file not found in $PATH`, probe.Unprotected)
	lost.Transport = probe.InContainer
	silent := ranProbe(three[2], probe.NotRun, either(l, "container app does not run", "컨테이너 app: 실행 중이 아님"), probe.Unknown)
	silent.Pod, silent.Samples, silent.Transport = "pod/web-7d4b9-zzzzz", 0, ""
	r := runReport(l, []finding.Finding{{
		Rule: "probe/failing-now", Severity: finding.Error, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1,
		Title: either(l, "The readiness probe of container app fails", "컨테이너 app의 readiness 프로브가 실패합니다"),
	}}, up, down, lost, silent)
	r.PodsLeftOut = 5
	r.NotChecked = []finding.NotChecked{{What: either(l, "the liveness probe of container app of pod/web-7d4b9-zzzzz", "pod/web-7d4b9-zzzzz 컨테이너 app의 liveness 프로브"), Why: silent.Reason}}
	return r
}

// probeRunPasses has nothing but good news, from one run each.
func probeRunPasses(l lang.Lang) any {
	var all []probe.Ran
	for _, x := range threeProbes()[:2] {
		r := ranProbe(x, probe.Success, "", probe.Passes)
		r.Samples, r.Passed = 1, 1
		r.P50Ms, r.P95Ms, r.MaxMs, r.HeadroomPercent = milliseconds(7.25), milliseconds(7.25), milliseconds(7.25), number(99)
		all = append(all, r)
	}
	return runReport(l, nil, all...)
}

// probeRunMany has more containers than are shown in full.
func probeRunMany(l lang.Lang) any {
	var all []probe.Ran
	for i := range 6 {
		for j, x := range threeProbes() {
			r := ranProbe(x, probe.Success, "", probe.Passes)
			r.Pod = fmt.Sprintf("pod/web-%d", i/2)
			r.Container = fmt.Sprintf("app-%d", i)
			if j == 2 {
				r.Verdict, r.Passed, r.Failed, r.Reason = probe.Failure, 0, 20, "HTTP probe failed with statuscode: 503"
			}
			r.P50Ms, r.P95Ms, r.MaxMs, r.HeadroomPercent = milliseconds(3), milliseconds(40), milliseconds(41), number(96)
			all = append(all, r)
		}
	}
	return runReport(l, nil, all...)
}

// What a run found survives the trip into text.
func TestRunLines(t *testing.T) {
	text := strings.Join(strings.Fields(write(t, probeRun(lang.English), Options{Lang: lang.English})), " ")
	for _, want := range []string{
		"passes (20 of 20)", "p50 4.2 ms, p95 835 ms, max 910 ms of 1 s*: 16% headroom",
		`fails (18 of 20): service unhealthy (responded with "NOT_SERVING")`, "would be taken out of its Services in 20 to 32 s",
		"no verdict (20 of 20), the kubelet discards it", "the container is never restarted for it", "by a command in the container",
		"5 more pods were not asked", "container app does not run",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	head, _, _ := strings.Cut(write(t, probeRunPasses(lang.English), Options{Lang: lang.English}), "\n")
	if !strings.Contains(head, "all 2 probes that were asked pass; the slowest leaves 99% of its timeout") {
		t.Errorf("the first line is %q", head)
	}
}
