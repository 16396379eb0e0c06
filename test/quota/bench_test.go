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

// BenchmarkLargeCluster states what the tool takes in a real cluster of 10,000
// pods on 300 nodes, start-up included, medians of all rounds: an audit, in bare
// lists of the same objects ("lists"), and the explaining of one Deployment, in
// runs of the kubectl that MSA_KUBECTL names, for the same objects ("gets"). The
// cluster takes minutes to fill.
func BenchmarkLargeCluster(b *testing.B) {
	c := cluster.GetFakeNodes(b, 300)
	ns := fillCluster(b, c, 500, 20)
	b.Run("audit", func(b *testing.B) {
		compare(b, "lists", func() error { return bare.List(b.Context(), c.Config()) }, program(c, workshop.Tool(b), "quota", "audit", "-A", "--fail-on", "none"))
	})
	b.Run("inspect", func(b *testing.B) {
		kubectl := os.Getenv("MSA_KUBECTL")
		if kubectl == "" {
			b.Skip("MSA_KUBECTL is not set: it is the path of the kubectl to compare with")
		}
		get := program(c, kubectl, "get", "deployments,replicasets,pods,horizontalpodautoscalers,poddisruptionbudgets,services", "-l", "app=web-7", "-n", ns, "-o", "json")
		compare(b, "gets", get, program(c, workshop.Tool(b), "inspect", "deployment/web-7", "-n", ns))
	})
}

// compare runs both by turns, and reports the ratio of their times.
func compare(b *testing.B, unit string, known, ours func() error) {
	b.Helper()
	var theirs, own []float64
	timed := func(times *[]float64, run func() error) {
		began := time.Now()
		if err := run(); err != nil {
			b.Fatal(err)
		}
		*times = append(*times, time.Since(began).Seconds())
	}
	for b.Loop() {
		timed(&theirs, known)
		timed(&own, ours)
	}
	middle := func(all []float64) float64 { slices.Sort(all); return all[len(all)/2] }
	b.ReportMetric(middle(own)/middle(theirs), unit)
	b.ReportMetric(middle(own), "s/own")
	b.ReportMetric(middle(theirs), "s/"+unit)
}

func program(c *cluster.Cluster, path string, args ...string) func() error {
	return func() error {
		cmd := exec.Command(path, append(args, "--kubeconfig", c.Kubeconfig())...)
		cmd.Env = append(os.Environ(), "KUBECONFIG=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
		return nil
	}
}

// fillCluster makes workloads with so many replicas, waits until all pods are
// placed, and gives their namespace.
func fillCluster(b *testing.B, c *cluster.Cluster, workloads, replicas int) string {
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
	return ns
}
