package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Question is one probe of one container of a live pod, to be asked as the kubelet asks it.
type Question struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	Type      Type
	Probe     *corev1.Probe
	// Skip says why it is not to be asked; empty for a question that is.
	Skip Skip
	// Detail belongs to Skip: the state of a container, the host that is asked.
	Detail string

	sub *subject
	own container
}

// Skip is a reason for which a probe is not asked.
type Skip string

// NotRunning: the container does not run, so the kubelet does not ask it
// either; NotScheduled: its pod is on no node yet. NodeLost: the node is gone, or
// its kubelet is not heard of any more. ExecNotAsked and HostElsewhere are left to the one who runs probes:
// a command is run only where that was allowed, and a host that is not the pod
// is not reached from everywhere. NoTransport: there was no way to the pod.
const (
	NotRunning    Skip = "container-not-running"
	NotScheduled  Skip = "not-scheduled"
	PodGone       Skip = "pod-gone"
	NodeLost      Skip = "node-lost"
	ExecNotAsked  Skip = "exec-not-allowed"
	HostElsewhere Skip = "host-elsewhere"
	NoTransport   Skip = "no-transport"
)

// Timeout is the probe's timeout in seconds.
func (q Question) Timeout() int { return Effective(q.Probe).TimeoutSeconds }

// Elsewhere is the host that an HTTP or TCP probe asks in place of the pod, "" for the pod.
func (q Question) Elsewhere() string { return hostOf(q.Probe) }

// Bounds narrow what is asked.
type Bounds struct {
	// Pods is how many pods of each workload are asked, 0 for all; those that are not ready come first.
	Pods int
	// Container names the only container to be asked, "" for all.
	Container string
}

// Questions lists the probes of the live pods that the query reaches, and says
// how many pods were left out. Its errors: *rule.NotFoundError, *NoContainerError,
// or a selector that does not parse.
func Questions(s *snapshot.Snapshot, q Query, b Bounds) (all []Question, leftOut int, err error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return nil, 0, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return nil, 0, err
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	subjects := look(s, scope).subjects
	if err := has(subjects, b.Container); err != nil {
		return nil, 0, err
	}
	for _, sub := range subjects {
		pods := worstFirst(sub.pods)
		if b.Pods > 0 && len(pods) > b.Pods {
			leftOut += len(pods) - b.Pods
			pods = pods[:b.Pods]
		}
		for _, pod := range pods {
			all = append(all, questionsOf(sub, pod, b.Container)...)
		}
	}
	return all, leftOut, nil
}

// NoContainerError says that none of the containers has the name that was asked for.
type NoContainerError struct {
	Asked string
	// Known are the names there are, each once.
	Known []string
}

func (e *NoContainerError) Error() string {
	return fmt.Sprintf("no container is called %q; there are: %s", e.Asked, strings.Join(e.Known, ", "))
}

// has says whether some container has the name; where there is no container at all, nobody can tell.
func has(subjects []*subject, name string) error {
	e := &NoContainerError{Asked: name}
	for _, sub := range subjects {
		for _, c := range sub.containers() {
			if !slices.Contains(e.Known, c.spec.Name) {
				e.Known = append(e.Known, c.spec.Name)
			}
		}
	}
	if name == "" || len(e.Known) == 0 || slices.Contains(e.Known, name) {
		return nil
	}
	return e
}

// worstFirst puts the pods that are not ready in front: they are why somebody asks.
func worstFirst(pods []*corev1.Pod) []*corev1.Pod {
	rank := func(pod *corev1.Pod) int {
		if ready := condition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
			return 1
		}
		return 0
	}
	out := slices.Clone(pods)
	slices.SortStableFunc(out, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func questionsOf(sub *subject, pod *corev1.Pod, only string) []Question {
	var out []Question
	for _, c := range containers(&pod.Spec) {
		if only != "" && c.spec.Name != only {
			continue
		}
		for _, t := range Types() {
			if !c.has(t) {
				continue
			}
			q := Question{Pod: pod, Container: c.spec, Type: t, Probe: c.probe(t), sub: sub, own: c}
			q.Skip, q.Detail = c.silent(pod)
			out = append(out, q)
		}
	}
	return out
}

// Ref points at the container in its pod.
func (q Question) Ref() finding.Ref {
	r := rule.RefTo(q.Pod)
	r.Container = q.Container.Name
	return r
}
