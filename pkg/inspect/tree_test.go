package inspect

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// hungry is a Deployment that cannot start and refers to much: everything that a tree could want to read.
func hungry(replicas int) []snapshot.Object {
	yes := true
	tmpl := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}}
	tmpl.Spec.ServiceAccountName = "web"
	for i := range 4 {
		name := fmt.Sprint("c", i)
		tmpl.Spec.Containers = append(tmpl.Spec.Containers, corev1.Container{Name: name, EnvFrom: []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}},
		}})
		tmpl.Spec.Volumes = append(tmpl.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}})
	}
	selector := &metav1.LabelSelector{MatchLabels: tmpl.Labels}
	n := int32(replicas)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "d"}, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: selector, Template: tmpl}}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop", UID: "r", Labels: tmpl.Labels, OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "web", UID: "d", Controller: &yes}}},
		Spec:       appsv1.ReplicaSetSpec{Replicas: &n, Selector: selector, Template: tmpl},
	}
	out := []snapshot.Object{d, rs}
	for i := range replicas {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("web-1-%04d", i), Namespace: "shop", UID: "p", Labels: tmpl.Labels, OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-1", UID: "r", Controller: &yes}}}, Spec: tmpl.Spec}
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "c0", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}}
		out = append(out, pod)
	}
	return out
}

// play answers a plan as a cluster that has just these objects would, and counts the requests.
func play(t *testing.T, objects []snapshot.Object, plan func(*snapshot.Snapshot) snapshot.Needs) (*snapshot.Snapshot, int) {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	requests := 0
	for range 12 {
		needs := s.Missing(plan(s))
		if needs.Empty() {
			return s, requests
		}
		requests += len(needs.Objects) + len(needs.Logs)
		for _, n := range needs.Objects {
			found := false
			for _, o := range objects {
				if snapshot.KindOf(o) == n.Kind && (n.Namespace == "" || o.GetNamespace() == n.Namespace) && (n.Name == "" || n.Name == o.GetName()) {
					s.Add(o)
					found = true
				}
			}
			s.Record(snapshot.Reading{Need: n, NotFound: n.Name != "" && !found})
		}
		for _, n := range needs.Logs {
			s.RecordLog(snapshot.LogReading{Need: n})
		}
	}
	t.Fatal("the plan never ends")
	return nil, 0
}

func TestTreeStaysWithinItsBudget(t *testing.T) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, replicas := range []int{1, 300} {
		q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Deployment", Namespace: "shop", Name: "web"}}}
		s, requests := play(t, hungry(replicas), func(s *snapshot.Snapshot) snapshot.Needs { return TreePlan(s, q) })
		if requests > 10 {
			t.Errorf("%d replicas: %d requests", replicas, requests)
		}
		r, err := Tree(s, q, TreeOptions{Options: Options{Lang: lang.English, Catalogue: catalogue}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.NotChecked) == 0 {
			t.Error("what the budget left out is not said")
		}
		pods := r.Tree[0].Children[0].Children
		if len(pods) != 1 || pods[0].Count != replicas || replicas > 1 && len(pods[0].Members) != replicas {
			t.Errorf("%d like pods are %d lines", replicas, len(pods))
		}
	}
}

func TestTreeMissing(t *testing.T) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Deployment", Namespace: "shop", Name: "web"}}}
	s, _ := play(t, hungry(1), func(s *snapshot.Snapshot) snapshot.Needs { return TreePlan(s, q) })
	r, err := Tree(s, q, TreeOptions{Options: Options{Lang: lang.English, Catalogue: catalogue}, Why: true})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, c := range r.Tree[0].Children {
		states[c.Object.String()] = c.Status
	}
	if states["configmap/c0"] != "missing" || states["secret/c3"] != "missing" {
		t.Errorf("what is not there: %v", states)
	}
	if _, ok := states["serviceaccount/web"]; ok {
		t.Error("what was not read is no unhealthy path")
	}
}
