package quota

import (
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// How much history a judgement takes: a day holds the busy hours of most
// services, and with fewer samples the 99th part is a single one.
const (
	enoughTime    = 24 * time.Hour
	enoughSamples = 100
)

// enough says that the history is long and dense enough to judge by.
func (o *Observed) enough() bool {
	return o != nil && o.covered >= enoughTime && o.Pooled.Samples >= enoughSamples
}

// rules judge by the history. They speak of what the audit can only guess from
// one sample, under the same ids.
func (h *history) rules(all []ContainerUsage) []rule.Rule {
	works := []snapshot.Kind{}
	return []rule.Rule{
		{ID: "quota/cpu-throttled", Reads: works, Check: eachUsage(all, h.throttledFinding)},
		{ID: "quota/memory-overcommit", Reads: []snapshot.Kind{"Node", "Pod"}, Check: h.checkOvercommit},
		{ID: "quota/over-requested", Reads: []snapshot.Kind{"HorizontalPodAutoscaler"}, Check: eachUsage(all, h.overRequested)},
		{ID: "quota/under-requested", Reads: works, Check: eachUsage(all, h.underRequested)},
	}
}

// eachUsage visits the containers.
func eachUsage(all []ContainerUsage, judge func(ContainerUsage) []finding.Finding) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, u := range all {
			out = append(out, judge(u)...)
		}
		return out
	}
}

// The share of periods from which on throttling is worth a word, as
// kubernetes-mixin has it (CPUThrottlingHigh), and worth a warning. Periods last
// 100ms; an hour of them is the least that says anything.
const (
	throttledNote = 0.25
	throttledWarn = 0.5
	leastPeriods  = 36_000
)

// throttledFinding: the CPU limit holds the container back. The share of periods
// counts short bursts as well (kubernetes-mixin#108), so below half of them it is a note.
func (h *history) throttledFinding(u ContainerUsage) []finding.Finding {
	limit, limited := u.spec.Limits[corev1.ResourceCPU]
	if !limited || u.periods < leastPeriods || u.share < throttledNote {
		return nil
	}
	f := u.finding(corev1.ResourceCPU)
	f.Severity, f.Confidence = finding.Info, finding.Certain
	if u.share >= throttledWarn {
		f.Severity = finding.Warning
	}
	f.Args["percent"], f.Args["limit"] = int(u.share*100+0.5), limit.String()
	f.Evidence = append([]finding.Evidence{
		{Object: u.Object.String(), Path: "throttled periods in " + lasting(h.window), Value: fmt.Sprintf("%.0f of %.0f (%d%%)", u.share*u.periods, u.periods, f.Args["percent"])},
		{Object: u.Object.String(), Path: "containers[" + u.Object.Container + "].resources.limits.cpu", Value: limit.String()},
	}, f.Evidence...)
	return []finding.Finding{f}
}

// finding begins one about a container, with the distribution as its evidence.
func (u ContainerUsage) finding(name corev1.ResourceName) finding.Finding {
	f := finding.Finding{Object: u.Object, Confidence: finding.Likely}
	f.Args = map[string]any{
		"object": u.Object.String(), "namespace": u.Object.Namespace, "name": u.Object.Name, "kind": u.Object.Kind,
		"container": u.Object.Container, "key": string(name), "n": u.Pods, "window": "", "p95": "", "peak": "", "worst": "",
	}
	if o := u.observed(name); o != nil {
		f.Args["window"], f.Args["p95"], f.Args["peak"], f.Args["worst"] = o.Covered, o.Worst.P95, o.Worst.Max, o.Worst.Pod
		f.Evidence = append(f.Evidence, finding.Evidence{
			Object: "pod/" + o.Worst.Pod, Path: fmt.Sprintf("%s over %s, %d samples", name, o.Covered, o.Worst.Samples),
			Value: fmt.Sprintf("p50 %s, p95 %s, p99 %s, peak %s", o.Worst.P50, o.Worst.P95, o.Worst.P99, o.Worst.Max),
		})
	}
	return f
}

func (u ContainerUsage) observed(name corev1.ResourceName) *Observed {
	if name == corev1.ResourceCPU {
		return u.CPU
	}
	return u.Memory
}

// underRequested: a pod usually uses more than it has asked for. Of memory that
// makes it the first to be evicted; of CPU it gets only what others leave.
func (h *history) underRequested(u ContainerUsage) []finding.Finding {
	var out []finding.Finding
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		asked, said := u.spec.Requests[name]
		o := u.observed(name)
		if !said || !o.enough() || o.Worst.p95 <= asked.AsApproximateFloat64() {
			continue
		}
		f := u.finding(name)
		f.Severity = finding.Warning
		if name == corev1.ResourceCPU {
			f.Severity = finding.Info
		}
		f.Args["requested"], f.Args["used"] = fit.Human(name, asked, true), o.Worst.P95
		f.Evidence = append(f.Evidence, finding.Evidence{Object: u.Object.String(), Path: "containers[" + u.Object.Container + "].resources.requests." + string(name), Value: asked.String()})
		out = append(out, f)
	}
	return out
}

// Over-requested is what even the busiest pod leaves idle, if that is half of
// its request or more, and over all pods worth a CPU or a Gi.
const idleShare = 0.5

// overRequested keeps silent where an autoscaler aims at a share of the request:
// there the request is what makes the use what it is.
func (h *history) overRequested(u ContainerUsage) []finding.Finding {
	var out []finding.Finding
	for name, least := range map[corev1.ResourceName]float64{corev1.ResourceCPU: 1, corev1.ResourceMemory: 1 << 30} {
		q, said := u.spec.Requests[name]
		o := u.observed(name)
		if hpa, _ := h.scaledBy(u.Object, name); !said || !o.enough() || hpa != "" {
			continue
		}
		asked, busy := q.AsApproximateFloat64(), o.Worst.p99
		if name == corev1.ResourceMemory {
			busy = o.Worst.max
		}
		idle := (asked - busy) * float64(u.Pods)
		if busy > asked*(1-idleShare) || idle < least {
			continue
		}
		f := u.finding(name)
		f.Args["percent"] = int(math.Ceil(busy / asked * 100))
		f.Args["used"], f.Args["requested"], f.Args["idle"] = printedUse(name, busy), fit.Human(name, q, true), printedUse(name, idle)
		f.Evidence = append(f.Evidence, finding.Evidence{Object: u.Object.String(), Path: "containers[" + u.Object.Container + "].resources.requests." + string(name), Value: q.String()})
		out = append(out, f)
	}
	return out
}
