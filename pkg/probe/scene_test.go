package probe

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// get is an HTTP probe of a path on port 8080.
func get(path string, change func(*corev1.Probe)) *corev1.Probe {
	p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}}}
	if change != nil {
		change(p)
	}
	return p
}

// scene is Deployment web with one container, and a pod for each start, which took so many seconds.
func scene(c corev1.Container, starts ...int) *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, noon)
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}})
	}
	c.Name, c.Image = "app", "shop/web:v1"
	labels := map[string]string{"app": "web", "pod-template-hash": "5d9"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	d.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{c}}}
	s.Add(d)
	yes := true
	for i, took := range starts {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-5d9-%d", i), Labels: labels,
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-5d9", Controller: &yes}}},
			Spec: *d.Spec.Template.Spec.DeepCopy(),
		}
		at := noon.Add(-time.Hour)
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at.Add(time.Duration(took) * time.Second))}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}}}
		s.Add(pod)
	}
	return s
}

var web = Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Deployment", Namespace: "shop", Name: "web"}}}

func english(t *testing.T) Options {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Lang: lang.English, Catalogue: c}
}
