package quota

import (
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// UsageReport is what containers use: now by the metrics API, over time by Prometheus.
type UsageReport struct {
	finding.Report
	// Prometheus is where the history was asked for, "" where it was not.
	Prometheus string `json:"prometheus"`
	// Window is how far back was asked, Step how far apart the samples lie, and
	// AveragedOver what a sample of CPU is the mean of and one of memory the peak of.
	Window       string           `json:"window"`
	Step         string           `json:"step,omitempty"`
	AveragedOver string           `json:"averagedOver,omitempty"`
	Usage        []ContainerUsage `json:"usage"`
	Quotas       []QuotaTrend     `json:"quotas"`
}

// Base gives the part that every report has.
func (r UsageReport) Base() finding.Report { return r.Report }

// ContainerUsage is one container of a workload's pods.
type ContainerUsage struct {
	// Object is the workload, with the container.
	Object finding.Ref `json:"object"`
	// Pods run now; Earlier are gone, and were known by their names in Prometheus.
	Pods    int `json:"pods"`
	Earlier int `json:"earlier"`
	// Now is the mean over the pods that the metrics API had a sample of.
	Now      []Amount `json:"now"`
	Measured int      `json:"measured"`
	Requests []Amount `json:"requests"`
	Limits   []Amount `json:"limits"`
	// CPU and Memory are null where there is no history.
	CPU    *Observed `json:"cpu"`
	Memory *Observed `json:"memory"`
	// ThrottledPercent is the share of the CPU scheduler's periods in which the
	// container was held back by its limit; null where Prometheus has none.
	ThrottledPercent *int `json:"throttledPercent"`
	// OOMKilled counts the pods in which it was killed for memory in the window.
	OOMKilled int `json:"oomKilled"`

	spec    corev1.ResourceRequirements
	share   float64
	periods float64
}

// UsageOf answers. A named workload or a namespace that is not there is a *rule.NotFoundError.
func UsageOf(s *snapshot.Snapshot, q Query, window time.Duration, soft SoftLimits, catalogue finding.Catalogue, l lang.Lang) (UsageReport, error) {
	report := UsageReport{Window: lasting(window), Usage: []ContainerUsage{}, Quotas: []QuotaTrend{}}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return report, err
	}
	works := q.works(s, auditKinds())
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	h := historyOf(s, works, q, window)
	if h.asked {
		report.Step, report.AveragedOver = lasting(time.Duration(h.needs.step)*time.Second), lasting(time.Duration(h.needs.average)*time.Second)
	}
	targets := make([]finding.Ref, len(works))
	asked := finding.Scope{Context: s.Context, Namespace: q.Namespace}
	for i, w := range works {
		targets[i] = w.Ref
		if len(q.Targets) > 0 {
			asked.Targets = append(asked.Targets, w.Ref.String())
		}
		report.Usage = append(report.Usage, h.usage(w)...)
	}
	if len(q.Targets) == 0 {
		report.Quotas = h.trends(q, soft)
	}
	scope := rule.NewScope(append(targets, nodeRefs(s)...)...)
	found := rule.Run(s, scope, h.rules(report.Usage))
	report.Report = finding.NewReport("quota usage", s.TakenAt, asked, rule.Diagnose(scope, found, catalogue, l),
		append(unread.NotChecked(s), h.notChecked(l)...), s.Requests)
	return report, nil
}

func nodeRefs(s *snapshot.Snapshot) []finding.Ref {
	var out []finding.Ref
	for _, o := range s.OfKind("Node", "") {
		out = append(out, rule.RefTo(o))
	}
	return out
}

// usage is one entry for each container that runs for as long as the pod does.
func (h *history) usage(w Work) []ContainerUsage {
	pods := h.pods[w.Ref]
	sample := w.Pod(0)
	if len(pods) > 0 {
		sample = pods[0]
	}
	now := map[string][]corev1.ResourceList{}
	for _, p := range pods {
		m, a := snapshot.Get[*metricsv1beta1.PodMetrics](h.s, p.Namespace, p.Name)
		if a.State != snapshot.Present {
			continue
		}
		for _, c := range m.Containers {
			now[c.Name] = append(now[c.Name], c.Usage)
		}
	}
	var out []ContainerUsage
	runningContainers(sample, func(c *corev1.Container) {
		of := w.Ref
		of.Container = c.Name
		u := ContainerUsage{
			Object: of, Pods: len(pods), Earlier: h.earlier(of),
			Now: sampled(mean(now[c.Name])), Measured: len(now[c.Name]),
			Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits), spec: c.Resources,
			CPU: observe(corev1.ResourceCPU, h.containers[of]), Memory: observe(corev1.ResourceMemory, h.containers[of]),
			OOMKilled: h.ooms(of),
		}
		if u.share, u.periods = h.throttled(of); u.periods > 0 {
			percent := int(u.share*100 + 0.5)
			u.ThrottledPercent = &percent
		}
		out = append(out, u)
	})
	return out
}

// notChecked says what of the history is missing, each reason once.
func (h *history) notChecked(l lang.Lang) []finding.NotChecked {
	var out []finding.NotChecked
	seen := map[string]bool{}
	for _, r := range h.s.AllSeries() {
		if why := untold(l, r); why != "" && !seen[why] {
			seen[why] = true
			out = append(out, finding.NotChecked{What: say(l, "history", nil), Why: why})
		}
	}
	if _, a := h.s.Series(h.needs.count); a.State == snapshot.Unknown && len(out) == 0 {
		return append(out, finding.NotChecked{What: say(l, "history", nil), Why: say(l, "history-not-asked", nil)})
	}
	if h.asked && len(h.works) > 0 {
		if series, _ := h.s.Series(h.needs.memory); len(series) == 0 {
			out = append(out, finding.NotChecked{What: say(l, "history", nil), Why: say(l, "history-empty", map[string]any{"metric": "container_memory_working_set_bytes", "window": lasting(h.window)})})
		}
	}
	return out
}

// untold is what of the answer is missing or may be; empty for nothing.
func untold(l lang.Lang, r snapshot.SeriesReading) string {
	if r.Why == "" && r.Warning != "" {
		return say(l, "history-warning", map[string]any{"detail": r.Warning})
	}
	return historyWhy(l, r.Why)
}

// historyWhy puts the reason of the reader of Prometheus into the reader's
// language; the words of a server stay as they are.
func historyWhy(l lang.Lang, why string) string {
	kind, detail, _ := strings.Cut(why, ": ")
	id := "history-" + strings.ReplaceAll(kind, " ", "-")
	switch kind {
	case "unreachable", "timed out", "forbidden", "unauthorized", "not prometheus", "too big", "query failed", "not found", "refused", "search failed":
		return say(l, id, map[string]any{"detail": detail})
	}
	return why
}

// scaledBy is the autoscaler's target for the resource of a container, and
// whether that is a share of the request.
func (h *history) scaledBy(of finding.Ref, name corev1.ResourceName) (hpa string, utilisation int32) {
	all, _ := snapshot.List[*autoscalingv2.HorizontalPodAutoscaler](h.s, of.Namespace, nil)
	for _, a := range all {
		if t := a.Spec.ScaleTargetRef; t.Kind != of.Kind || t.Name != of.Name {
			continue
		}
		for _, m := range a.Spec.Metrics {
			var target autoscalingv2.MetricTarget
			switch {
			case m.Resource != nil && m.Resource.Name == name:
				target = m.Resource.Target
			case m.ContainerResource != nil && m.ContainerResource.Name == name && m.ContainerResource.Container == of.Container:
				target = m.ContainerResource.Target
			}
			if target.AverageUtilization != nil {
				return a.Name, *target.AverageUtilization
			}
		}
	}
	return "", 0
}
