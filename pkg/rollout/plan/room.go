package plan

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// placement is how the extra Pods fared on the nodes.
type placement struct {
	verdict fit.Verdict
	// certain says that nothing that could make room or refuse was left out.
	certain bool
	// grows says why nodes may be added, empty where nothing says so.
	grows string
}

// findRoom places the extra Pods one after the other, all old ones still there.
// The Pods are alike and each is placed where one fits, so that it does not
// matter where, unless they look at one another (spread, affinity); then the
// scheduler might do better, and nothing is certain.
func (d *draft) findRoom(pod *corev1.Pod) {
	room := &d.capacity.Room
	view, err := rule.SchedulerViewOf(d.s)
	if err != nil {
		room.Why = err.Error()
		return
	}
	cluster := view.Cluster()
	room.State = RoomFits
	for ; room.Placed < d.extra; room.Placed++ {
		verdict := cluster.Judge(pod)
		fitting := verdict.Fitting()
		if len(fitting) == 0 {
			room.State, room.Why = RoomShort, verdict.Message()
			d.place = placement{verdict: verdict, certain: d.decided(pod, verdict, room.Placed), grows: d.growing()}
			return
		}
		placed := pod.DeepCopy()
		placed.Spec.NodeName = fitting[0]
		cluster.Bind(placed)
	}
}

// decided: nothing that was not reckoned with, no lower priority to push away, and, beyond the first Pod, no choice that mattered.
func (d *draft) decided(pod *corev1.Pod, v fit.Verdict, placed int) bool {
	mutual := pod.Spec.Affinity != nil && (pod.Spec.Affinity.PodAffinity != nil || pod.Spec.Affinity.PodAntiAffinity != nil) ||
		len(pod.Spec.TopologySpreadConstraints) > 0
	preempts := pod.Spec.PriorityClassName != "" || pod.Spec.Priority != nil && *pod.Spec.Priority > 0
	return len(v.NotModelled) == 0 && !preempts && (placed == 0 || !mutual)
}

// growing says what speaks for an autoscaler that adds nodes: its status, or the
// labels that it puts on its nodes. Where neither could be read, it may be there.
func (d *draft) growing() string {
	need := autoscalerStatus()
	switch _, a := d.s.Find(need.Kind, need.Namespace, need.Name); {
	case a.State == snapshot.Present:
		return "configmap/" + need.Name + " -n " + need.Namespace
	case a.State == snapshot.Unknown:
		return "?"
	}
	nodes, _ := snapshot.List[*corev1.Node](d.s, "", nil)
	for _, n := range nodes {
		for label := range n.Labels {
			if strings.HasPrefix(label, "karpenter.sh/") {
				return "node/" + n.Name + " (" + label + ")"
			}
		}
	}
	return ""
}
