package inspect

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Logs beyond the bound are not asked for, and said not to have been read.
func TestLogsBeyondTheBoundAreNotChecked(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, pods := range []int{shownLogs, shownLogs + 2} {
		s := snapshot.New(snapshot.FromCluster, noon)
		var q Query
		for i := range pods {
			died := &corev1.ContainerStateTerminated{ExitCode: 3, FinishedAt: metav1.NewTime(noon.Add(-time.Minute))}
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)},
				Spec:       corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "app"}}},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
					Name: "app", RestartCount: 3, LastTerminationState: corev1.ContainerState{Terminated: died},
					State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				}}},
			}
			s.Add(pod)
			q.Targets = append(q.Targets, finding.Ref{Kind: "Pod", Namespace: "shop", Name: pod.Name})
		}
		if got := len(Plan(s, q).Logs); got != shownLogs {
			t.Errorf("%d pods: %d logs asked for, want %d", pods, got, shownLogs)
		}
		c, err := finding.LoadCatalogue()
		if err != nil {
			t.Fatal(err)
		}
		r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: c})
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, n := range r.NotChecked {
			said += n.What + "; "
		}
		want := ""
		if pods > shownLogs {
			want = fmt.Sprintf("get the logs of %d more containers that ended; ", pods-shownLogs)
		}
		if said != want {
			t.Errorf("%d pods: not checked: %q, want %q", pods, said, want)
		}
	}
}
