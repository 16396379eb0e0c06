package inspect

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func TestPodStatus(t *testing.T) {
	texts, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	always := corev1.ContainerRestartPolicyAlways
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}
	app := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "app"}}}
	meshed := *app.DeepCopy()
	meshed.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always}}
	up := []corev1.ContainerStatus{{Name: "app", Ready: true, State: running}}
	for name, c := range map[string]struct {
		spec   corev1.PodSpec
		status corev1.PodStatus
		health Health
		says   string
	}{
		"running": {app, corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: up}, Healthy, "Running, 1 of 1 containers ready"},
		"its gate is closed": {app, corev1.PodStatus{
			Phase: corev1.PodRunning, ContainerStatuses: up,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ReadinessGatesNotReady"}},
		}, Progressing, "Running, 1 of 1 containers ready"},
		"a sidecar is down": {meshed, corev1.PodStatus{
			Phase: corev1.PodRunning, ContainerStatuses: up, InitContainerStatuses: []corev1.ContainerStatus{{Name: "proxy", State: ended}},
		}, Progressing, "Running, 1 of 2 containers ready"},
		"done": {app, corev1.PodStatus{
			Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: ended}},
		}, Healthy, "Succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			e := explainer{s: snapshot.New(snapshot.FromCluster, time.Time{}), texts: texts, lang: lang.English}
			pod := &corev1.Pod{Spec: c.spec, Status: c.status}
			if health, says := e.podStatus(pod); health != c.health || says != c.says {
				t.Errorf("%s, %q; want %s, %q", health, says, c.health, c.says)
			}
			if row := e.container(pod, containers(pod)[len(containers(pod))-1]); !*row.OK {
				t.Errorf("the app container is not as it should be: %+v", row)
			}
		})
	}
}
