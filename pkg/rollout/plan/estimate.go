package plan

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// forever is the most that a time in seconds can be, so that it still is a time.Duration.
const forever = int(math.MaxInt64 / time.Second)

// estimate adds up how long the rollout takes if all goes well: how long the
// running Pods took to start, as often as new ones are waited for, and what the
// plan waits for by itself. A Deployment's new Pods of one write start together,
// the others' one after the other, each when an old one has ended.
func (d *draft) estimate() {
	waits := 0
	for i, m := range d.path[1:] {
		switch before := d.path[i]; {
		case m.New <= before.New:
		case d.w.deployment != nil:
			waits++
		default:
			waits += m.New - before.New
		}
	}
	t := Time{Keeping: seconds(d.spec.Keep.Std())}
	if d.w.deployment == nil {
		least, most := ending(&d.old.Spec)
		t.Ending, t.EndingMost = least*waits, most*waits
	}
	for _, step := range d.spec.Steps {
		t.Pausing = min(t.Pausing+seconds(step.Pause.For.Std()), forever)
		if step.Pause.Manual {
			t.People++
		}
		for _, g := range append(append([]rollout.GateSpec{}, d.spec.Gates...), step.Gates...) {
			t.gate(g)
		}
	}
	if start, seen := d.startUp(); seen > 0 {
		s := seconds(start)
		starting := s * waits
		total := min(starting+t.Ending+t.Pausing+t.Gates+t.Keeping, forever)
		t.StartUp, t.Seen, t.Starting, t.Total = &s, seen, &starting, &total
	}
	d.time = t
}

func (t *Time) gate(g rollout.GateSpec) {
	switch g.Kind {
	case rollout.GateTime:
		if wait, err := time.ParseDuration(g.Value); err == nil {
			t.Gates = min(t.Gates+seconds(wait), forever)
		}
	case rollout.GatePerson:
		t.People++
	case rollout.GateCommand, rollout.GateWebhook:
		t.Open++
	case rollout.GateReady, rollout.GateRestarts:
	}
}

// ending is how long a Pod takes from its deletion until it has ended: at least
// its preStop sleep, at most its grace period, of which the sleep is a part.
func ending(pod *corev1.PodSpec) (least, most int) {
	most = corev1.DefaultTerminationGracePeriodSeconds
	if s := pod.TerminationGracePeriodSeconds; s != nil {
		most = int(*s)
	}
	for i := range pod.Containers {
		if l := pod.Containers[i].Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
			least = max(least, int(l.PreStop.Sleep.Seconds))
		}
	}
	return min(least, most), most
}

// seconds rounds up: a Pod that took 300 ms took some time.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// startUp is the longest time that a ready Pod of the workload took from its
// creation. Left out are Pods whose containers were started again, because they
// became ready anew since; a probe that failed for a while cannot be seen and
// makes the time longer, never shorter.
func (d *draft) startUp() (longest time.Duration, seen int) {
	for _, pod := range d.pods() {
		c := readyCondition(pod)
		if c == nil || c.Status != corev1.ConditionTrue || restarted(pod) {
			continue
		}
		seen++
		longest = max(longest, c.LastTransitionTime.Sub(pod.CreationTimestamp.Time))
	}
	return longest, seen
}

func readyCondition(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func restarted(pod *corev1.Pod) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.RestartCount > 0 {
			return true
		}
	}
	return false
}

// pods are the workload's own that have not ended.
func (d *draft) pods() []*corev1.Pod {
	selector, err := metav1.LabelSelectorAsSelector(d.w.selector)
	if err != nil {
		return nil
	}
	all, _ := snapshot.List[*corev1.Pod](d.s, d.w.ref.Namespace, selector)
	var out []*corev1.Pod
	for _, pod := range all {
		if d.owns(pod) && !ended(pod) {
			out = append(out, pod)
		}
	}
	return out
}

func ended(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// owns says whether the Pod is the workload's: its controller is the workload,
// or a ReplicaSet named as the Deployment names its own, by itself and the hash.
func (d *draft) owns(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return false
	}
	if d.w.deployment == nil {
		return owner.Kind == d.w.ref.Kind && owner.Name == d.w.ref.Name
	}
	hash := pod.Labels[rollout.HashLabel(d.w.ref.Kind)]
	return owner.Kind == "ReplicaSet" && owner.Name == d.w.ref.Name+"-"+hash
}
