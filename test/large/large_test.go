// Package large_test holds the tool to its size on a large cluster: 10,000 pods
// on 300 nodes, served from memory. Requests, bytes and memory are counted; time
// is measured by a benchmark, as a ratio to a bare list of the same objects.
package large_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	nodes      = 300
	namespaces = 20
	workloads  = 500
	replicas   = 20 // of each: 10,000 pods
)

// cluster makes the objects: Deployments with their ReplicaSets and pods, a
// quota and a LimitRange in each namespace, and what every pod uses.
func cluster(t testing.TB) *server {
	t.Helper()
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	}
	born := metav1.NewTime(time.Now().Add(-time.Hour))
	var (
		pods        corev1.PodList
		sets        appsv1.ReplicaSetList
		deployments appsv1.DeploymentList
		nodeList    corev1.NodeList
		spaces      corev1.NamespaceList
		quotas      corev1.ResourceQuotaList
		metrics     metricsv1beta1.PodMetricsList
	)
	for i := range nodes {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i), Labels: map[string]string{corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%3)}}}
		n.Status.Allocatable = list("16", "64Gi")
		n.Status.Allocatable["pods"] = resource.MustParse("110")
		nodeList.Items = append(nodeList.Items, n)
	}
	for i := range namespaces {
		spaces.Items = append(spaces.Items, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("space-%d", i)}})
		q := corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "compute", Namespace: fmt.Sprintf("space-%d", i)}}
		q.Spec.Hard = corev1.ResourceList{"requests.cpu": resource.MustParse("100"), "pods": resource.MustParse("1000")}
		q.Status = corev1.ResourceQuotaStatus{Hard: q.Spec.Hard, Used: corev1.ResourceList{"requests.cpu": resource.MustParse("50"), "pods": resource.MustParse("500")}}
		quotas.Items = append(quotas.Items, q)
	}
	for i := range workloads {
		ns, name := fmt.Sprintf("space-%d", i%namespaces), fmt.Sprintf("web-%d", i)
		labels := map[string]string{"app": name, "app.kubernetes.io/part-of": "shop"}
		n, yes := int32(replicas), true
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "web", Resources: corev1.ResourceRequirements{Requests: list("100m", "128Mi"), Limits: list("1", "256Mi")}}}}}
		owned := func(kind, owner, uid string) []metav1.OwnerReference {
			return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: owner, UID: types.UID(uid), Controller: &yes}}
		}
		selector := &metav1.LabelSelector{MatchLabels: labels}
		deployments.Items = append(deployments.Items, appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns, UID: types.UID("d-" + name), Labels: labels}, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: selector, Template: template}, Status: appsv1.DeploymentStatus{Replicas: n}})
		sets.Items = append(sets.Items, appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: name + "-1", Namespace: ns, UID: types.UID("r-" + name), Labels: labels, OwnerReferences: owned("Deployment", name, "d-"+name)}, Spec: appsv1.ReplicaSetSpec{Replicas: &n, Selector: selector, Template: template}})
		for k := range replicas {
			p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-1-%05d", name, k), Namespace: ns, UID: types.UID(fmt.Sprint(name, k)), Labels: labels, CreationTimestamp: born, OwnerReferences: owned("ReplicaSet", name+"-1", "r-"+name)}, Spec: *template.Spec.DeepCopy()}
			p.Spec.NodeName = fmt.Sprintf("node-%d", (i*replicas+k)%nodes)
			p.Status = corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true, AllocatedResources: list("100m", "128Mi"), Resources: &template.Spec.Containers[0].Resources, ContainerID: "containerd://0123456789abcdef0123456789abcdef"}}}
			managed(&p)
			pods.Items = append(pods.Items, p)
			metrics.Items = append(metrics.Items, metricsv1beta1.PodMetrics{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: ns}, Containers: []metricsv1beta1.ContainerMetrics{{Name: "app", Usage: list("20m", "90Mi")}}})
		}
	}
	core, apps := schema.GroupVersion{Version: "v1"}, schema.GroupVersion{Group: "apps", Version: "v1"}
	return newServer(t, map[schema.GroupVersionResource]runtime.Object{
		core.WithResource("pods"): &pods, core.WithResource("nodes"): &nodeList, core.WithResource("namespaces"): &spaces,
		core.WithResource("resourcequotas"): &quotas, core.WithResource("limitranges"): &corev1.LimitRangeList{},
		apps.WithResource("deployments"): &deployments, apps.WithResource("replicasets"): &sets,
		apps.WithResource("statefulsets"): &appsv1.StatefulSetList{}, apps.WithResource("daemonsets"): &appsv1.DaemonSetList{},
		{Group: "batch", Version: "v1", Resource: "jobs"}: &batchv1.JobList{}, {Group: "batch", Version: "v1", Resource: "cronjobs"}: &batchv1.CronJobList{},
		{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}: &autoscalingv2.HorizontalPodAutoscalerList{},
		metricsv1beta1.SchemeGroupVersion.WithResource("pods"):                      &metrics,
	})
}

// TestQuotaAuditOfALargeCluster: every object is read once, in few requests, and
// memory does not follow the pods.
func TestQuotaAuditOfALargeCluster(t *testing.T) {
	s := cluster(t)
	out, took := run(t, s, "quota", "audit", "-A", "--fail-on", "none", "-o", "json")
	var report struct {
		Namespaces []struct {
			Pods     int
			Requests []struct{ Resource, Quantity string }
			Usage    []struct{ Resource, Quantity string }
		}
		NotChecked []any
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	pods := 0
	for _, ns := range report.Namespaces {
		pods += ns.Pods
		if got := fmt.Sprint(ns.Requests, ns.Usage); got != "[{cpu 50} {memory 64000Mi}] [{cpu 10} {memory 45000Mi}]" {
			t.Errorf("%s", got)
		}
	}
	if pods != workloads*replicas || len(report.NotChecked) > 0 {
		t.Errorf("%d pods, not checked: %v", pods, report.NotChecked)
	}
	if s.lists > 20 {
		t.Errorf("%d requests besides further pages", s.lists)
	}
	for page, n := range s.served {
		if n > 1 {
			t.Errorf("%s was read %d times", page, n)
		}
	}
	if s.sent != s.size {
		t.Errorf("%d bytes were read of %d", s.sent, s.size)
	}
	_, idle := run(t, s, "--help")
	t.Logf("%d requests besides pages, %d MiB read, %s of CPU, %d MiB of memory at most, %d MiB of that the program itself", s.lists, s.sent>>20, took.CPU, took.Peak>>20, idle.Peak>>20)
	if limit := 70 << 20; took.Peak-idle.Peak > limit {
		t.Errorf("%d MiB of memory on top of an idle process", (took.Peak-idle.Peak)>>20)
	}
}
