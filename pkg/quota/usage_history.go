package quota

import (
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// history is what was seen of the containers of some workloads.
type history struct {
	s          *snapshot.Snapshot
	works      []Work
	window     time.Duration
	needs      historyNeeds
	asked      bool // Prometheus gave its answers
	pods       map[finding.Ref][]*corev1.Pod
	containers map[finding.Ref]map[string]*podSeries // workload with its container → pod
}

// podSeries is what was seen of one container in one pod.
type podSeries struct {
	pod                string
	cpu, memory        []snapshot.Point
	throttled, periods float64
	oom                bool
}

// historyOf sorts the answers by workload and container.
func historyOf(s *snapshot.Snapshot, works []Work, q Query, window time.Duration) *history {
	h := &history{s: s, works: works, window: window, pods: map[finding.Ref][]*corev1.Pod{}, containers: map[finding.Ref]map[string]*podSeries{}}
	owner := map[finding.Ref]finding.Ref{} // pod → workload
	for _, o := range s.OfKind("Pod", q.Namespace) {
		if pod, ok := o.(*corev1.Pod); ok {
			of := topOwner(s, pod)
			owner[finding.Ref{Namespace: pod.Namespace, Name: pod.Name}] = of
			if charged(pod, s.TakenAt) {
				h.pods[of] = append(h.pods[of], pod)
			}
		}
	}
	needs, sized := questions(s, q, window)
	if h.needs = needs; !sized {
		return h
	}
	_, a := s.Series(needs.memory)
	h.asked = a.State == snapshot.Present
	names := namers(works)
	each := func(need snapshot.SeriesNeed, take func(p *podSeries, points []snapshot.Point)) {
		series, _ := s.Series(need)
		for _, one := range series {
			pod := finding.Ref{Namespace: one.Labels["namespace"], Name: one.Labels["pod"]}
			of, known := owner[pod]
			if !known {
				of, known = names.workload(pod)
			}
			if !known || len(one.Points) == 0 {
				continue
			}
			of.Container = one.Labels["container"]
			take(h.series(of, pod.Name), one.Points)
		}
	}
	each(needs.cpu, func(p *podSeries, points []snapshot.Point) { p.cpu = points })
	each(needs.memory, func(p *podSeries, points []snapshot.Point) { p.memory = points })
	each(needs.throttled, func(p *podSeries, points []snapshot.Point) { p.throttled = points[0].Value })
	each(needs.periods, func(p *podSeries, points []snapshot.Point) { p.periods = points[0].Value })
	each(needs.ooms, func(p *podSeries, _ []snapshot.Point) { p.oom = true })
	each(needs.oomReason, func(p *podSeries, _ []snapshot.Point) { p.oom = true })
	h.statusOOMs()
	return h
}

func (h *history) series(of finding.Ref, pod string) *podSeries {
	if h.containers[of] == nil {
		h.containers[of] = map[string]*podSeries{}
	}
	if h.containers[of][pod] == nil {
		h.containers[of][pod] = &podSeries{pod: pod}
	}
	return h.containers[of][pod]
}

// statusOOMs: the pods themselves say whether a container's last end was a kill
// for memory; metrics may have missed it.
func (h *history) statusOOMs() {
	for of, pods := range h.pods {
		for _, pod := range pods {
			for _, c := range pod.Status.ContainerStatuses {
				for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
					if t != nil && t.Reason == "OOMKilled" && h.s.TakenAt.Sub(t.FinishedAt.Time) <= h.window {
						of.Container = c.Name
						h.series(of, pod.Name).oom = true
					}
				}
			}
		}
	}
}

// namer tells the pods of a workload by their names: how pods that are gone are
// known. It is what controllers make of a workload's name with the alphabet of
// apimachinery/pkg/util/rand; longer names are cut there, and are not known here.
type namer struct {
	of   finding.Ref
	form *regexp.Regexp
}

type byName []namer

func namers(works []Work) byName {
	const random = "[bcdfghjklmnpqrstvwxz2456789]"
	var out byName
	for _, w := range works {
		tail := ""
		switch w.Ref.Kind {
		case "Deployment":
			tail = "-" + random + "{1,10}-" + random + "{5}"
		case "ReplicaSet", "DaemonSet":
			tail = "-" + random + "{5}"
		case "StatefulSet":
			tail = "-[0-9]+"
		case "Job":
			tail = "(-[0-9]+)?-" + random + "{5}"
		case "CronJob":
			tail = "-[0-9]+(-[0-9]+)?-" + random + "{5}"
		}
		out = append(out, namer{w.Ref, regexp.MustCompile("^" + regexp.QuoteMeta(w.Ref.Name) + tail + "$")})
	}
	slices.SortStableFunc(out, func(a, b namer) int { return len(b.of.Name) - len(a.of.Name) })
	return out
}

// workload is the one with the longest name of those that the pod could be of;
// none where two are as likely.
func (b byName) workload(pod finding.Ref) (finding.Ref, bool) {
	var found []finding.Ref
	for _, n := range b {
		if n.of.Namespace == pod.Namespace && strings.HasPrefix(pod.Name, n.of.Name) && n.form.MatchString(pod.Name) {
			found = append(found, n.of)
		}
	}
	if len(found) == 0 || len(found) > 1 && len(found[0].Name) == len(found[1].Name) {
		return finding.Ref{}, false
	}
	return found[0], true
}

// earlier counts the pods of a container that are gone.
func (h *history) earlier(of finding.Ref) int {
	here := map[string]bool{}
	for _, pod := range h.pods[of.Object()] {
		here[pod.Name] = true
	}
	n := 0
	for pod := range h.containers[of] {
		if !here[pod] {
			n++
		}
	}
	return n
}

// throttled is the share of the CPU scheduler's periods in which the container
// had to wait for the next, over all its pods, and how many periods that rests on.
func (h *history) throttled(of finding.Ref) (share, periods float64) {
	var held float64
	for _, p := range h.containers[of] {
		if p.periods > 0 {
			held += p.throttled
			periods += p.periods
		}
	}
	if periods == 0 {
		return 0, 0
	}
	return min(1, held/periods), periods
}

// ooms counts the pods in which the container was killed for memory.
func (h *history) ooms(of finding.Ref) int {
	n := 0
	for _, p := range h.containers[of] {
		if p.oom {
			n++
		}
	}
	return n
}
