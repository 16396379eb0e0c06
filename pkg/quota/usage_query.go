package quota

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What an answer may hold. A week of one container is 2016 points of five
// minutes; where many containers are asked about, the points lie further apart,
// so that no question loads a Prometheus more than a dashboard does.
const (
	pointsPerSeries = 2016
	pointsPerAnswer = 400_000
	// leastAverage is over how much a point of CPU is averaged at least: four times
	// the scrape interval that is usual at most, below which rate() has gaps.
	leastAverage = 5 * time.Minute
	leastStep    = time.Minute
	// pointsOfQuota are enough for a straight line.
	pointsOfQuota = 336
)

// historyNeeds are the questions to Prometheus. cAdvisor's metrics carry
// namespace, pod and container (Kubernetes 1.16 and later); kube-state-metrics
// adds why a container ended last and how quotas were used. A container that is
// scraped twice counts once: max by, not sum.
type historyNeeds struct {
	count, cpu, memory, throttled, periods, ooms, oomReason, quotas snapshot.SeriesNeed
	// average is over how many seconds a point of CPU is averaged, and of which a
	// point of memory is the highest.
	average int64
	step    int64
}

// HistoryNeeds says what HistoryOf still wants to ask Prometheus, given what is
// known so far: first how many containers there are, which decides how dense
// the points may lie.
func HistoryNeeds(s *snapshot.Snapshot, q Query, window time.Duration) []snapshot.SeriesNeed {
	n, sized := questions(s, q, window)
	if !sized {
		return []snapshot.SeriesNeed{n.count}
	}
	return []snapshot.SeriesNeed{n.cpu, n.memory, n.throttled, n.periods, n.ooms, n.oomReason, n.quotas}
}

// questions are all of them; false while the size is not known.
func questions(s *snapshot.Snapshot, q Query, window time.Duration) (historyNeeds, bool) {
	pods := podMatchers(q)
	containers := strings.Join(append(pods, `container!=""`, `container!="POD"`), ",")
	by := "by (namespace, pod, container) "
	whole := promDuration(window)
	n := historyNeeds{count: snapshot.SeriesNeed{Query: fmt.Sprintf("count(count %s(present_over_time(container_memory_working_set_bytes{%s}[%s])))", by, containers, whole)}}
	sized, a := s.Series(n.count)
	if a.State != snapshot.Present {
		return n, false
	}
	count := 1.0
	if len(sized) > 0 && len(sized[0].Points) > 0 {
		count = max(1, sized[0].Points[0].Value)
	}
	points := max(2, min(pointsPerSeries, int(pointsPerAnswer/count)))
	n.step = stepFor(window, points)
	n.average = max(n.step, int64(leastAverage/time.Second))
	every := func(query string, step int64) snapshot.SeriesNeed {
		return snapshot.SeriesNeed{Query: query, Window: int64(window / time.Second), Step: step}
	}
	n.cpu = every(fmt.Sprintf("max %s(rate(container_cpu_usage_seconds_total{%s}[%ds]))", by, containers, n.average), n.step)
	n.memory = every(fmt.Sprintf("max %s(max_over_time(container_memory_working_set_bytes{%s}[%ds]))", by, containers, n.average), n.step)
	n.throttled.Query = fmt.Sprintf("sum %s(increase(container_cpu_cfs_throttled_periods_total{%s}[%s]))", by, containers, whole)
	n.periods.Query = fmt.Sprintf("sum %s(increase(container_cpu_cfs_periods_total{%s}[%s]))", by, containers, whole)
	n.ooms.Query = fmt.Sprintf("sum %s(increase(container_oom_events_total{%s}[%s])) > 0", by, containers, whole)
	n.oomReason.Query = fmt.Sprintf("max %s(max_over_time(kube_pod_container_status_last_terminated_reason{%s}[%s])) > 0", by,
		strings.Join(append(pods, `reason="OOMKilled"`), ","), whole)
	n.quotas = quotaHistory(q, window)
	return n, true
}

// quotaHistory asks how ResourceQuotas were used.
func quotaHistory(q Query, window time.Duration) snapshot.SeriesNeed {
	of := []string{`type="used"`}
	if q.Namespace != "" {
		of = append(of, fmt.Sprintf("namespace=%q", q.Namespace))
	}
	query := fmt.Sprintf("max by (namespace, resourcequota, resource) (kube_resourcequota{%s})", strings.Join(of, ","))
	return snapshot.SeriesNeed{Query: query, Window: int64(window / time.Second), Step: stepFor(window, pointsOfQuota)}
}

// QuotaHistoryNeeds says what AuditOf wants to ask Prometheus: nothing where
// there is no quota.
func QuotaHistoryNeeds(s *snapshot.Snapshot, q Query, window time.Duration) []snapshot.SeriesNeed {
	if len(s.OfKind("ResourceQuota", q.Namespace)) == 0 {
		return nil
	}
	return []snapshot.SeriesNeed{quotaHistory(q, window)}
}

// stepFor spreads so many points over the window, whole minutes apart.
func stepFor(window time.Duration, points int) int64 {
	const minute = int64(leastStep / time.Second)
	step := int64(window/time.Second) / int64(points)
	return max((step+minute-1)/minute, 1) * minute
}

// podMatchers narrow a question down to the namespace, and to names that begin
// as those asked about.
func podMatchers(q Query) []string {
	var out []string
	if q.Namespace != "" {
		out = append(out, fmt.Sprintf("namespace=%q", q.Namespace))
	}
	if len(q.Targets) == 0 {
		return append(out, `pod!=""`)
	}
	names := make([]string, len(q.Targets))
	for i, t := range q.Targets {
		names[i] = regexp.QuoteMeta(t.Name) + ".*"
	}
	slices.Sort(names)
	return append(out, fmt.Sprintf("pod=~%q", strings.Join(slices.Compact(names), "|")))
}

// promDuration writes a duration as PromQL takes it.
func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) }

// UsageNeeds says what UsageOf still wants to read of the cluster: the
// workloads with their pods, what the metrics API says of them, and what bounds
// the numbers that could be suggested.
func UsageNeeds(s *snapshot.Snapshot, q Query, suggest bool) snapshot.Needs {
	w := wants{s: s, seen: map[snapshot.Need]bool{}}
	kinds := auditKinds()
	for _, t := range q.Targets {
		w.one(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if t.Kind == "CronJob" {
			w.list("Job", q.Namespace)
		}
	}
	if len(q.Targets) > 0 {
		kinds = []snapshot.Kind{"Pod", "ReplicaSet"}
	}
	for _, kind := range append(kinds, "PodMetrics", "ResourceQuota") {
		w.list(kind, q.Namespace)
	}
	if q.Namespace != "" {
		w.one("Namespace", "", q.Namespace)
	}
	w.list("HorizontalPodAutoscaler", q.Namespace)
	if suggest {
		w.list("LimitRange", q.Namespace)
	}
	if suggest || q.Namespace == "" {
		w.list("Node", "")
	}
	return s.Missing(w.sorted())
}
