package inspect

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// A cluster in which everything crashes: what is still to be read beside the
// lists does not grow with the namespaces and workloads.
func TestNeedsDoNotGrow(t *testing.T) {
	for name, count := range map[string]int{"some": 10, "many": 100} {
		t.Run(name, func(t *testing.T) {
			s := crashing(count)
			for _, k := range Explained() {
				s.Record(snapshot.Reading{Need: snapshot.Need{Kind: k}, NotServed: addOn(k)})
			}
			left := manyRequests - spent(s)
			needs := Plan(s, Query{})
			if needs.Objects[0].Kind != eventKind {
				t.Errorf("wants %s first, and events may get no request", needs.Objects[0])
			}
			kinds := map[snapshot.Kind]int{}
			for _, n := range needs.Objects {
				kinds[n.Kind]++
			}
			if kinds["EndpointSlice"] != 1 || kinds["Event"] != 1 || len(needs.Logs) != min(shownLogs, left-2) {
				t.Errorf("wants %v and %d logs", kinds, len(needs.Logs))
			}
		})
	}
}

// crashing has a Service over a StatefulSet with one pod in each namespace.
func crashing(namespaces int) *snapshot.Snapshot {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := snapshot.New(snapshot.FromCluster, now)
	for i := range namespaces {
		labels := map[string]string{"app": "web"}
		meta := metav1.ObjectMeta{Name: "web", Namespace: fmt.Sprintf("ns-%d", i), Labels: labels}
		s.Add(&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: labels}})
		s.Add(&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}}})
		yes := true
		meta.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "web", Controller: &yes}}
		ended := &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(now)}
		s.Add(&corev1.Pod{
			ObjectMeta: meta,
			Spec:       corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "app"}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "app", RestartCount: 3, State: corev1.ContainerState{Terminated: ended}},
			}},
		})
	}
	return s
}
