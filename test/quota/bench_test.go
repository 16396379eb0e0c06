package quota

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/large/bare"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// BenchmarkAuditOfALargeCluster states what an audit of 10,000 pods on 300 nodes
// takes of a real API server, start-up included, in bare lists of the same
// objects ("lists", medians of all rounds). The cluster takes minutes to fill.
func BenchmarkAuditOfALargeCluster(b *testing.B) {
	c := cluster.GetFakeNodes(b, 300)
	fillCluster(b, c, 500, 20)
	var audits, lists []float64
	for b.Loop() {
		began := time.Now()
		if err := bare.List(b.Context(), c.Config()); err != nil {
			b.Fatal(err)
		}
		lists = append(lists, time.Since(began).Seconds())
		audit := exec.Command(workshop.Tool(b), "quota", "audit", "-A", "--fail-on", "none", "--kubeconfig", c.Kubeconfig())
		audit.Env = append(os.Environ(), "KUBECONFIG=")
		began = time.Now()
		out, err := audit.Output()
		audits = append(audits, time.Since(began).Seconds())
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	middle := func(all []float64) float64 { slices.Sort(all); return all[len(all)/2] }
	b.ReportMetric(middle(audits)/middle(lists), "lists")
	b.ReportMetric(middle(audits), "s/audit")
	b.ReportMetric(middle(lists), "s/lists")
}

// fillCluster makes workloads with so many replicas, and waits until all pods are placed.
func fillCluster(b *testing.B, c *cluster.Cluster, workloads, replicas int) {
	b.Helper()
	config := c.Config()
	config.QPS = -1
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	ns := c.Namespace(b)
	for i := range workloads {
		name, n := fmt.Sprintf("web-%d", i), int32(replicas)
		labels := map[string]string{"app": name, "app.kubernetes.io/part-of": "shop"}
		app := corev1.Container{Name: "app", Image: "web", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("16Mi")}}}
		for k := range 12 {
			app.Env = append(app.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", k), Value: strings.Repeat("value ", 8)})
		}
		_, err := api.AppsV1().Deployments(ns).Create(b.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{app}},
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			b.Fatal(err)
		}
	}
	c.WaitFor(b, "all pods to run", 20*time.Minute, func(ctx context.Context) (bool, string, error) {
		all, err := api.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		available := 0
		for _, d := range all.Items {
			available += int(d.Status.AvailableReplicas)
		}
		return available == workloads*replicas, fmt.Sprintf("%d of them are available", available), nil
	})
}
