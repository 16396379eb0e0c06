package quota

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
	"github.com/kubectl-msa/kubectl-msa/test/upstream/oracle"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

const (
	pastWeek = 7 * 24 * time.Hour
	scraped  = time.Minute
	// aPod and bPod run now; earlierPod ran for the first twelve hours of the week.
	aPod, bPod, earlierPod = "web-5d9c7b8f6c-x2v5q", "web-5d9c7b8f6c-b4c8d", "web-6f7d9c8b5-q8w7z"
	mebibyte               = 1 << 20
)

// pastNow is when everything is asked.
var pastNow = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A real Prometheus answers the questions of the tool's own binary,
// over samples of which it is known what they come to: what is scraped twice, of a
// pod's cgroup, of another workload with a name alike, or before a container was
// started again, changes nothing.
func TestHistoryFromPrometheus(t *testing.T) {
	address := oracle.Prometheus(t, oracle.Build(t, filepath.Join("..", "upstream", "promql")), map[string]any{"series": knownSeries()})
	saved := filepath.Join(t.TempDir(), "saved.json")
	if err := file.WriteFile(saved, knownState()); err != nil {
		t.Fatal(err)
	}
	ask := func(into any, args ...string) {
		t.Helper()
		got := workshop.Run(t, "", append([]string{"quota", "-f", saved, "--prometheus", address, "-n", "shop", "-o", "json", "--fail-on", "none"}, args...)...)
		if err := json.Unmarshal([]byte(got.Stdout), into); err != nil || got.Code != 0 {
			t.Fatalf("%v: exit code %d, %v: %s", args, got.Code, err, got.Stderr)
		}
	}
	var usage quota.UsageReport
	ask(&usage, "usage")
	if len(usage.Usage) != 1 || len(usage.Quotas) != 1 || usage.Usage[0].CPU == nil || usage.Usage[0].Memory == nil {
		t.Fatalf("%+v", usage)
	}
	u := usage.Usage[0]
	pooled, worst := u.CPU.Pooled, u.CPU.Worst
	if pooled.Samples != 4179 || pooled.P50 != "300m" || pooled.P95 != "300m" || pooled.P99 != "800m" || pooled.Max != "800m" {
		t.Errorf("CPU of all pods: %+v", pooled)
	}
	if worst.Pod != aPod || worst.Samples != 2017 || worst.P50 != "200m" || worst.P95 != "800m" || worst.Max != "800m" {
		t.Errorf("CPU of the worst pod: %+v", worst)
	}
	pooled, worst = u.Memory.Pooled, u.Memory.Worst
	if pooled.Samples != 4179 || pooled.P50 != "200Mi" || pooled.P95 != "300Mi" || pooled.Max != "900Mi" || worst.Pod != aPod || worst.P95 != "200Mi" || worst.Max != "900Mi" {
		t.Errorf("memory: %+v, worst %+v", pooled, worst)
	}
	if u.Pods != 2 || u.Earlier != 1 || u.OOMKilled != 2 || u.ThrottledPercent == nil || *u.ThrottledPercent != 20 || u.CPU.Covered != "7d" || usage.Step != "5m" {
		t.Errorf("%d pods, %d earlier, %d killed, %v%% throttled, %s covered in steps of %s", u.Pods, u.Earlier, u.OOMKilled, u.ThrottledPercent, u.CPU.Covered, usage.Step)
	}
	// It grows by half a CPU a day, and 5.75 are left.
	q := usage.Quotas[0]
	if q.Trend != quota.Grows || q.PerDay != "500m" || q.DaysUntilHard == nil || *q.DaysUntilHard != 11 || q.Points != 337 || q.Covered != "7d" {
		t.Errorf("quota: %+v", q)
	}
	for method, want := range map[string]string{
		"ours": "requests.cpu=800m requests.memory=1035Mi limits.memory=1553Mi",
		"krr":  "requests.cpu=800m requests.memory=1035Mi limits.memory=1035Mi",
	} {
		var r quota.SuggestReport
		ask(&r, "suggest", "--method", method)
		if len(r.Suggestions) != 1 {
			t.Fatalf("%s: %+v", method, r)
		}
		var values []string
		for _, v := range r.Suggestions[0].Containers[0].Values {
			values = append(values, v.Field+"="+v.Value)
		}
		if got := strings.Join(values, " "); got != want {
			t.Errorf("%s suggests %s, want %s", method, got, want)
		}
	}
}

// knownState is the workload with the pods that run now, and a quota.
func knownState() *snapshot.Snapshot {
	list := func(cpu, memory string) corev1.ResourceList {
		out := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
		if cpu != "" {
			out[corev1.ResourceCPU] = resource.MustParse(cpu)
		}
		return out
	}
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: list("100m", "128Mi"), Limits: list("", "512Mi")}}}}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	d.Spec.Template.Spec = spec
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compute"}}
	q.Spec.Hard = corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("10")}
	q.Status.Hard, q.Status.Used = q.Spec.Hard, corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("4250m")}
	objects := []snapshot.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, d, q}
	yes := true
	for _, name := range []string{aPod, bPod} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"pod-template-hash": "5d9c7b8f6c"}}, Spec: spec}
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-5d9c7b8f6c", Controller: &yes}}
		pod.Status.Phase = corev1.PodRunning
		objects = append(objects, pod)
	}
	s := snapshot.New(snapshot.FromCluster, pastNow)
	for _, k := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: k.Kind}})
	}
	for _, o := range objects {
		s.Add(o)
	}
	return s
}

// pastSeries is one as promql takes it.
type pastSeries struct {
	Labels map[string]string `json:"labels"`
	Points [][2]float64      `json:"points"`
}

// of makes a series that is scraped from one time before now to another. The
// value is given the seconds since the week began, which are below 0 before that.
func of(labels string, from, to time.Duration, value func(second float64) float64) pastSeries {
	s := pastSeries{Labels: map[string]string{}}
	for _, pair := range strings.Split(labels, " ") {
		name, v, _ := strings.Cut(pair, "=")
		s.Labels[name] = v
	}
	for at := pastNow.Add(-from); !at.After(pastNow.Add(-to)); at = at.Add(scraped) {
		s.Points = append(s.Points, [2]float64{float64(at.Unix()), value(at.Sub(pastNow.Add(-pastWeek)).Seconds())})
	}
	return s
}

// knownSeries are as cAdvisor and kube-state-metrics call them.
func knownSeries() []pastSeries {
	const before = pastWeek + 10*time.Minute
	week := pastWeek.Seconds()
	each := func(second float64) func(float64) float64 {
		return func(s float64) float64 { return (s + 600) * second }
	}
	is := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	app := func(metric, pod string) string {
		return "__name__=" + metric + " namespace=shop container=app job=kubelet metrics_path=/metrics/cadvisor pod=" + pod
	}
	const cpu, memory, periods, throttled = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
	rises := func(s float64) float64 { return each(0.2)(s) + 0.6*math.Max(0, s-(week-60_000)) }
	spike := func(s float64) float64 {
		if s == week-1020 {
			return 900 * mebibyte
		}
		return 200 * mebibyte
	}
	return []pastSeries{
		of(app(cpu, aPod), before, 0, rises),
		of(app(cpu, aPod)+" instance=again", before, 0, rises),
		of(app(cpu, bPod), before, 0, func(s float64) float64 {
			if half := week / 2; s >= half { // started again
				return 0.3 * (s - half)
			}
			return each(0.3)(s)
		}),
		of(app(cpu, earlierPod), before, pastWeek-12*time.Hour, each(0.1)),
		of("__name__="+cpu+" namespace=shop pod="+aPod, before, 0, each(5)),
		of("__name__="+cpu+" namespace=shop container=POD pod="+aPod, before, 0, each(5)),
		of(app(cpu, "web-admin-7c9d8b6f5-k4j2m"), before, 0, each(3)),
		of("__name__="+cpu+" namespace=other container=app pod="+aPod, before, 0, each(7)),
		of(app(memory, aPod), before, 0, spike),
		of(app(memory, aPod)+" instance=again", before, 0, spike),
		of(app(memory, bPod), before, 0, is(300*mebibyte)),
		of(app(memory, earlierPod), before, pastWeek-12*time.Hour, is(100*mebibyte)),
		of("__name__="+memory+" namespace=shop pod="+aPod, before, 0, is(4000*mebibyte)),
		of(app(periods, aPod), before, 0, each(10)), of(app(periods, bPod), before, 0, each(10)),
		of(app(throttled, aPod), before, 0, each(4)), of(app(throttled, bPod), before, 0, is(0)),
		of(app("container_oom_events_total", aPod), before, 0, func(s float64) float64 { return math.Floor(2 * math.Max(0, s) / (week + 1)) }),
		of("__name__=kube_pod_container_status_last_terminated_reason namespace=shop container=app reason=OOMKilled pod="+bPod, 24*time.Hour, 0, is(1)),
		of("__name__=kube_pod_container_status_last_terminated_reason namespace=shop container=app reason=Error pod="+earlierPod, before, 0, is(1)),
		of("__name__=kube_resourcequota namespace=shop resourcequota=compute resource=requests.cpu type=used", before, 0, func(s float64) float64 { return 0.75 + 0.5*s/86_400 }),
		of("__name__=kube_resourcequota namespace=shop resourcequota=compute resource=requests.cpu type=hard", before, 0, is(10)),
	}
}
