package rule

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// UnfinishedPods is the read that tells what every node holds and who waits for
// one: finished pods hold nothing, and there may be many of them.
func UnfinishedPods() snapshot.Need {
	return snapshot.Need{Kind: "Pod", Fields: "status.phase!=Succeeded,status.phase!=Failed"}
}

// SchedulerView is what the scheduler looks at before it places a pod.
type SchedulerView struct {
	Nodes []*corev1.Node
	// Pods are those of all namespaces, with a node or without.
	Pods  []*corev1.Pod
	Facts fit.Facts
}

// SchedulerViewOf takes it from a snapshot. The error says what could not be
// read: with some pods unseen every node would seem emptier than it is.
func SchedulerViewOf(s *snapshot.Snapshot) (SchedulerView, error) {
	nodes, a := snapshot.List[*corev1.Node](s, "", nil)
	if a.State != snapshot.Present {
		return SchedulerView{}, fmt.Errorf("nodes: %s", a.Why)
	}
	pods, a := snapshot.List[*corev1.Pod](s, "", nil)
	if a.State != snapshot.Present {
		if a = s.Asked(UnfinishedPods()); a.State != snapshot.Present {
			return SchedulerView{}, fmt.Errorf("pods: %s", a.Why)
		}
	}
	facts := fit.Facts{
		Claim: func(namespace, name string) (*corev1.PersistentVolumeClaim, bool) {
			claim, a := snapshot.Get[*corev1.PersistentVolumeClaim](s, namespace, name)
			return claim, a.State != snapshot.Unknown
		},
		Volume: func(name string) (*corev1.PersistentVolume, bool) {
			volume, a := snapshot.Get[*corev1.PersistentVolume](s, "", name)
			return volume, a.State != snapshot.Unknown
		},
	}
	if spaces, a := snapshot.List[*corev1.Namespace](s, "", nil); a.State == snapshot.Present {
		facts.Namespaces = map[string]labels.Set{}
		for _, ns := range spaces {
			facts.Namespaces[ns.Name] = ns.Labels
		}
	}
	return SchedulerView{Nodes: nodes, Pods: pods, Facts: facts}, nil
}

// Cluster has the pods on their nodes.
func (v SchedulerView) Cluster() *fit.Cluster {
	c := fit.NewCluster(v.Nodes, v.Facts)
	c.Bind(v.Pods...)
	return c
}
