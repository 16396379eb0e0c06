package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Counted is what kubelets have counted of a probe, since the pods came to their
// nodes or the kubelets were started. How long answers take is known of those
// that passed, and as the bounds of a histogram: a time is the longest that it may be.
type Counted struct {
	// Pods is how many pods it is known of, of those that the kubelet had the time to ask.
	Pods      int `json:"pods"`
	Successes int `json:"successes"`
	Failures  int `json:"failures"`
	// P50AtMostMs, P95AtMostMs and P99AtMostMs are null where no answer passed, or
	// where it took longer than the histogram's last bound (10 s).
	P50AtMostMs *float64 `json:"p50AtMostMs"`
	P95AtMostMs *float64 `json:"p95AtMostMs"`
	P99AtMostMs *float64 `json:"p99AtMostMs"`

	within []snapshot.ProbeBucket
	// node and pod are of the first pod that it is known of.
	node, pod string
}

// mostKubelets is of how many nodes the kubelet is asked: a request for each.
const mostKubelets = 4

// CheckPlan is Plan, and what the kubelets have counted of the pods. One of them
// is asked first: who may not ask it may not ask the others, and is told so once.
func CheckPlan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	needs := Plan(s, q)
	if needsBesides(needs, eventKind) {
		return needs // the pods may not be known yet
	}
	all, _ := kubelets(s, q)
	if len(all) > 0 && !strings.HasPrefix(s.Asked(all[0]).Why, "forbidden") {
		first := snapshot.Needs{Objects: all[:1]}
		if s.Missing(first).Empty() {
			first.Objects = all
		}
		needs.Add(s.Missing(first))
	}
	return needs
}

// needsBesides says whether something of another kind is asked for.
func needsBesides(n snapshot.Needs, kind snapshot.Kind) bool {
	return slices.ContainsFunc(n.Objects, func(n snapshot.Need) bool { return n.Kind != kind })
}

// kubelets are the reads of the nodes that have pods of the query with probes:
// those with pods that are not ready first, then those with the most. leftOut
// counts the nodes beyond the bound.
func kubelets(s *snapshot.Snapshot, q Query) (needs []snapshot.Need, leftOut int) {
	if s.Source != snapshot.FromCluster {
		return nil, 0
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	type load struct {
		node          string
		unready, pods int
	}
	on := map[string]*load{}
	namespaces := map[string]bool{}
	for m := range scope.Members() {
		pod, a := snapshot.Get[*corev1.Pod](s, m.Namespace, m.Name)
		if m.Kind != "Pod" || a.State != snapshot.Present || !meant(pod) || pod.Spec.NodeName == "" || !probed(pod) {
			continue
		}
		l := on[pod.Spec.NodeName]
		if l == nil {
			l = &load{node: pod.Spec.NodeName}
			on[l.node] = l
		}
		l.pods++
		if ready := condition(pod, corev1.PodReady); ready == nil || ready.Status != corev1.ConditionTrue {
			l.unready++
		}
		namespaces[pod.Namespace] = true
	}
	all := make([]*load, 0, len(on))
	for _, l := range on {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *load) int {
		return cmp.Or(cmp.Compare(b.unready, a.unready), cmp.Compare(b.pods, a.pods), cmp.Compare(a.node, b.node))
	})
	if len(all) > mostKubelets {
		leftOut = len(all) - mostKubelets
		all = all[:mostKubelets]
	}
	only := ""
	if len(namespaces) == 1 {
		for ns := range namespaces {
			only = ns
		}
	}
	for _, l := range all {
		needs = append(needs, snapshot.ProbesOf(l.node, only))
	}
	return needs, leftOut
}

// probed says whether any container of the pod has a probe.
func probed(pod *corev1.Pod) bool {
	return slices.ContainsFunc(containers(&pod.Spec), func(c container) bool { return slices.ContainsFunc(Types(), c.has) })
}

// counted adds up what kubelets have counted of a probe; nil where none was asked
// that had the time to. A kubelet keeps no line for a probe of which it counted nothing.
func (v *view) counted(sub *subject, c container, t Type) *Counted {
	var out *Counted
	for _, pod := range sub.pods {
		own, ok := c.in(pod)
		if !ok || !own.has(t) {
			continue
		}
		node, a := snapshot.Get[*snapshot.NodeProbes](v.s, "", pod.Spec.NodeName)
		if a.State != snapshot.Present {
			continue
		}
		i := slices.IndexFunc(node.Counts, func(n snapshot.ProbeCount) bool {
			return n.Pod == pod.Name && n.Namespace == pod.Namespace && n.Container == own.spec.Name && n.Probe == string(t) && (n.UID == "" || n.UID == string(pod.UID))
		})
		if i < 0 && !v.askable(pod, own, t) {
			continue
		}
		if out == nil {
			out = &Counted{node: node.Name, pod: pod.Name}
		}
		out.Pods++
		if i >= 0 {
			out.add(node.Counts[i])
		}
	}
	if out != nil {
		out.P50AtMostMs, out.P95AtMostMs, out.P99AtMostMs = out.quantile(0.5), out.quantile(0.95), out.quantile(0.99)
	}
	return out
}

// askable says that a kubelet which has counted no run of the probe had the time
// for one. It does not ask a startup probe again once that has passed, so that
// one which was started since has nothing to tell of it.
func (v *view) askable(pod *corev1.Pod, c container, t Type) bool {
	status, _ := c.status(pod)
	if t == Startup || status.State.Running == nil || status.Started != nil && !*status.Started {
		return false
	}
	first := time.Duration(c.values(t).FirstRun().Latest+c.values(t).Failing().Latest)*time.Second + settle
	return v.s.TakenAt.Sub(status.State.Running.StartedAt.Time) > first
}

func (c *Counted) add(n snapshot.ProbeCount) {
	c.Successes += int(n.Successes)
	c.Failures += int(n.Failures)
	for _, b := range n.Within {
		at, found := slices.BinarySearchFunc(c.within, b, func(a, b snapshot.ProbeBucket) int { return cmp.Compare(a.Seconds, b.Seconds) })
		if !found {
			c.within = slices.Insert(c.within, at, snapshot.ProbeBucket{Seconds: b.Seconds})
		}
		c.within[at].Count += b.Count
	}
}

// quantile is the bound of the bucket that holds a share of the successes, in milliseconds.
func (c *Counted) quantile(share float64) *float64 {
	if c.Successes == 0 {
		return nil
	}
	for _, b := range c.within {
		if float64(b.Count) >= share*float64(c.Successes) {
			return millis(time.Duration(b.Seconds * float64(time.Second)))
		}
	}
	return nil
}

// Slow answers are those that need half of the timeout or more: the next busy
// moment takes the rest. One in twenty is more than a hiccup, and twenty answers
// are the fewest of which that can be said.
const (
	enoughAnswers = 20
	manySlow      = 20
)

// slow are answers that passed and needed most of their time.
type slow struct {
	answers, over int
	// seconds is what those over it took at the least.
	seconds float64
}

// slow says whether many of the answers that passed are slow for the timeout.
// Silent where the histogram has no bound between half of the timeout and all of it.
func (c *Counted) slow(timeoutSeconds int) *slow {
	if c == nil || c.Successes < enoughAnswers {
		return nil
	}
	for _, b := range c.within {
		if 2*b.Seconds < float64(timeoutSeconds) {
			continue
		}
		if over := c.Successes - int(b.Count); b.Seconds < float64(timeoutSeconds) && over*manySlow >= c.Successes {
			return &slow{answers: c.Successes, over: over, seconds: b.Seconds}
		}
		return nil
	}
	return nil
}

// tell gives a finding's texts the numbers; of none they are empty.
func (n *slow) tell(f *finding.Finding) {
	f.Args["near"], f.Args["answers"], f.Args["over"], f.Args["slow"] = n != nil, 0, 0, 0
	if n != nil {
		f.Args["answers"], f.Args["over"], f.Args["slow"] = n.answers, n.over, int(n.seconds*1000)
	}
}

// evidence quotes the kubelet's counters.
func (c *Counted) evidence(container string, t Type) []finding.Evidence {
	if c == nil {
		return nil
	}
	value := fmt.Sprintf("%s %s %s: successful %d, failed %d", c.pod, container, t, c.Successes, c.Failures)
	if c.Pods > 1 {
		value = fmt.Sprintf("%s %s of %d pods: successful %d, failed %d", container, t, c.Pods, c.Successes, c.Failures)
	}
	for _, q := range []struct {
		name string
		at   *float64
	}{{"p50", c.P50AtMostMs}, {"p95", c.P95AtMostMs}, {"p99", c.P99AtMostMs}} {
		if q.at != nil {
			value += fmt.Sprintf(", %s <= %g ms", q.name, *q.at)
		}
	}
	return []finding.Evidence{{Object: "node/" + c.node, Path: "/metrics/probes", Value: value}}
}

// countedEvidence is the evidence of one probe of a subject.
func (v *view) countedEvidence(sub *subject, c container, t Type) []finding.Evidence {
	return v.counted(sub, c, t).evidence(c.spec.Name, t)
}

// kubeletsLeftOut counts the nodes whose kubelets were not asked, because of the
// bound on them; 0 where the first did not answer either.
func kubeletsLeftOut(s *snapshot.Snapshot, q Query) int {
	all, leftOut := kubelets(s, q)
	if len(all) == 0 || s.Asked(all[0]).State != snapshot.Present {
		return 0
	}
	return leftOut
}

// countsKnown says whether a kubelet told anything.
func (v *view) countsKnown() bool {
	for _, sub := range v.subjects {
		for _, pod := range sub.pods {
			if _, a := snapshot.Get[*snapshot.NodeProbes](v.s, "", pod.Spec.NodeName); a.State == snapshot.Present {
				return true
			}
		}
	}
	return false
}
