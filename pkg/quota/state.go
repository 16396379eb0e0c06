package quota

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// RulesFor takes from the snapshot what admission looks up for a namespace.
// What could not be read is named in Unread.
func RulesFor(s *snapshot.Snapshot, namespace string) Rules {
	r := Rules{Unread: map[snapshot.Kind]string{}}
	r.Quotas = listed[*corev1.ResourceQuota](s, namespace, r.Unread)
	r.LimitRanges = listed[*corev1.LimitRange](s, namespace, r.Unread)
	r.Priorities = listed[*schedulingv1.PriorityClass](s, "", r.Unread)
	r.Runtimes = listed[*nodev1.RuntimeClass](s, "", r.Unread)
	r.Storage = listed[*storagev1.StorageClass](s, "", r.Unread)
	r.DeviceTemplates = listed[*resourcev1.ResourceClaimTemplate](s, namespace, r.Unread)
	all, a := deviceClassList(s)
	if r.Devices = all; a.State != snapshot.Present {
		r.Unread["DeviceClass"] = a.Why
	}
	r.ClaimsAlone = gateOff(s, all)
	return r
}

func listed[T snapshot.Object](s *snapshot.Snapshot, namespace string, unread map[snapshot.Kind]string) []T {
	all, a := snapshot.List[T](s, namespace, nil)
	if a.State != snapshot.Present {
		var zero T
		unread[snapshot.KindOf(zero)] = a.Why
	}
	return all
}

// livePods are all pods that hold room on nodes or wait for it.
func livePods() snapshot.Need {
	return snapshot.Need{Kind: "Pod", Fields: "status.phase!=Succeeded,status.phase!=Failed"}
}

// clusterOf is the cluster as the scheduler sees it, with the pods that wait for
// a node. Its error says what could not be read: with some pods unseen every
// node would seem emptier than it is.
func clusterOf(s *snapshot.Snapshot) (*fit.Cluster, []*corev1.Pod, error) {
	nodes, pods, facts, err := readCluster(s)
	if err != nil {
		return nil, nil, err
	}
	c := fit.NewCluster(nodes, facts)
	c.Bind(pods...)
	var waiting []*corev1.Pod
	for _, p := range pods {
		if waits(p) {
			waiting = append(waiting, p)
		}
	}
	return c, waiting, nil
}

// waits says that the pod has no node yet and nothing but the lack of one keeps it.
func waits(p *corev1.Pod) bool {
	return p.Spec.NodeName == "" && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending && len(p.Spec.SchedulingGates) == 0
}

// readCluster gives all that a cluster is made of.
func readCluster(s *snapshot.Snapshot) ([]*corev1.Node, []*corev1.Pod, fit.Facts, error) {
	nodes, a := snapshot.List[*corev1.Node](s, "", nil)
	if a.State != snapshot.Present {
		return nil, nil, fit.Facts{}, fmt.Errorf("nodes: %s", a.Why)
	}
	pods, a := snapshot.List[*corev1.Pod](s, "", nil)
	if a.State != snapshot.Present {
		if a = s.Asked(livePods()); a.State != snapshot.Present {
			return nil, nil, fit.Facts{}, fmt.Errorf("pods: %s", a.Why)
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
	return nodes, pods, facts, nil
}
