package quota

import (
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
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

// clusterOf is the cluster as the scheduler sees it, with the pods that wait for
// a node. Its error says what could not be read: with some pods unseen every
// node would seem emptier than it is.
func clusterOf(s *snapshot.Snapshot) (*fit.Cluster, []*corev1.Pod, error) {
	view, err := rule.SchedulerViewOf(s)
	if err != nil {
		return nil, nil, err
	}
	var waiting []*corev1.Pod
	for _, p := range view.Pods {
		if waits(p) {
			waiting = append(waiting, p)
		}
	}
	return view.Cluster(), waiting, nil
}

// waits says that the pod has no node yet and nothing but the lack of one keeps it.
func waits(p *corev1.Pod) bool {
	return p.Spec.NodeName == "" && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending && len(p.Spec.SchedulingGates) == 0
}
