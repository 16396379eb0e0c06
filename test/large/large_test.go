// Package large_test holds the tool to its size on a large cluster: 10,000 pods
// on 300 nodes, served from memory. Requests, bytes and memory are counted; time
// is measured by a benchmark, as a ratio to a bare list of the same objects.
package large_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/internal/cli"
	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	nodes      = 300
	namespaces = 20
	workloads  = 500
	replicas   = 20 // of each: 10,000 pods

	// peakFile is where the tool, run as a process of its own, leaves the most
	// memory that it held.
	peakFile = "MSA_TEST_PEAK_FILE"
)

func TestMain(m *testing.M) {
	path := os.Getenv(peakFile)
	if path == "" {
		os.Exit(m.Run())
	}
	ctx, stop := term.Interruptible(context.Background())
	code := cli.Run(ctx, cli.System(), os.Args)
	stop()
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(path, status, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

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
		metrics     snapshot.PodMetricsList
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
			metrics.Items = append(metrics.Items, snapshot.PodMetrics{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: ns}, Containers: []snapshot.ContainerMetrics{{Name: "app", Usage: list("20m", "90Mi")}}})
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
	}, &metrics)
}

// run starts the tool as a process of its own; what it wrote, and the most memory it held in bytes.
func run(t testing.TB, s *server, args ...string) ([]byte, int) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, s.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+config, peakFile+"="+filepath.Join(dir, "peak"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, out)
	}
	status, err := os.ReadFile(filepath.Join(dir, "peak"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return out, kib << 10
}

// TestQuotaAuditOfALargeCluster: every object is read once, in few requests, and
// memory does not follow the pods.
func TestQuotaAuditOfALargeCluster(t *testing.T) {
	s := cluster(t)
	out, peak := run(t, s, "quota", "audit", "-A", "--fail-on", "none", "-o", "json")
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
	t.Logf("%d requests besides pages, %d MiB read, %d MiB of memory at most, %d MiB of that this test's own process when it does nothing", s.lists, s.sent>>20, peak>>20, idle>>20)
	// The process is this test's binary, with all of client-go in it; what counts is what the audit adds.
	if limit := 80 << 20; peak-idle > limit {
		t.Errorf("%d MiB of memory on top of an idle process", (peak-idle)>>20)
	}
}

// bare lists the same objects and does nothing with them.
func bare(b *testing.B, s *server) {
	b.Helper()
	c, err := kubernetes.NewForConfig(&rest.Config{Host: s.URL, QPS: -1, ContentConfig: rest.ContentConfig{AcceptContentTypes: "application/vnd.kubernetes.protobuf", ContentType: "application/vnd.kubernetes.protobuf"}})
	if err != nil {
		b.Fatal(err)
	}
	all := func(list func(metav1.ListOptions) (string, error)) {
		options := metav1.ListOptions{Limit: pageSize}
		for {
			if options.Continue, err = list(options); err != nil {
				b.Fatal(err)
			}
			if options.Continue == "" {
				return
			}
		}
	}
	ctx := b.Context()
	all(func(o metav1.ListOptions) (string, error) {
		l, err := c.CoreV1().Pods("").List(ctx, o)
		return l.Continue, err
	})
	all(func(o metav1.ListOptions) (string, error) {
		l, err := c.AppsV1().ReplicaSets("").List(ctx, o)
		return l.Continue, err
	})
	all(func(o metav1.ListOptions) (string, error) {
		l, err := c.AppsV1().Deployments("").List(ctx, o)
		return l.Continue, err
	})
	all(func(o metav1.ListOptions) (string, error) {
		l, err := c.CoreV1().Nodes().List(ctx, o)
		return l.Continue, err
	})
	if _, err := c.RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/pods").SetHeader("Accept", "application/json").DoRaw(ctx); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkQuotaAudit states how long an audit of all namespaces takes, in bare
// lists of the same objects, and how much memory. The audit is a process of its
// own, start-up included.
func BenchmarkQuotaAudit(b *testing.B) {
	s := cluster(b)
	bare(b, s) // connections and code are warm for both
	var lists, audits time.Duration
	peak := 0
	for b.Loop() {
		began := time.Now()
		bare(b, s)
		lists += time.Since(began)
		began = time.Now()
		_, held := run(b, s, "quota", "audit", "-A", "--fail-on", "none")
		audits, peak = audits+time.Since(began), max(peak, held)
	}
	b.ReportMetric(float64(audits)/float64(lists), "lists")
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
}
