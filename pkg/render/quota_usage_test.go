package render

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// usageArgs fill the texts of quota usage and quota suggest in TestMessages.
func usageArgs() map[string]any {
	return map[string]any{
		"percent": 30, "window": "7d", "least": "6d", "most": "7d", "step": "5m", "over": "5m", "from": "x", "earlier": 2,
		"perDay": "1", "trend": "x", "points": "x", "hard": 3, "soft": 2, "covered": "7d",
	}
}

const usageWeek = 7 * 24 * time.Hour

// usageShop is a namespace with a week of history: orders is throttled and was
// killed once, web is scaled by its CPU, cart is new.
func usageShop(history bool) *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, takenAt)
	s.Context, s.Namespace, s.Requests = "sandbox", "shop", 11
	for _, k := range snapshot.Kinds() {
		n := snapshot.Need{Kind: k.Kind}
		if k.Namespaced {
			n.Namespace = "shop"
		}
		s.Record(snapshot.Reading{Need: n})
	}
	list := func(cpu, memory string) corev1.ResourceList {
		out := corev1.ResourceList{}
		for name, v := range map[corev1.ResourceName]string{"cpu": cpu, "memory": memory} {
			if v != "" {
				out[name] = resource.MustParse(v)
			}
		}
		return out
	}
	deploy := func(name string, replicas int, requests, limits corev1.ResourceList) {
		n, yes := int32(replicas), true
		spec := corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}}}
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		d.Spec.Replicas, d.Spec.Template.Spec = &n, spec
		s.Add(d)
		for i := range replicas {
			pod := fmt.Sprintf("%s-6d4-bbbb%c", name, "bcdf"[i])
			s.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: pod, Labels: map[string]string{"pod-template-hash": "6d4"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name + "-6d4", Controller: &yes}}}, Spec: spec, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
			s.Add(&metricsv1beta1.PodMetrics{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: pod}, Containers: []metricsv1beta1.ContainerMetrics{{Name: "app", Usage: list("40m", "90Mi")}}})
		}
		s.Add(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-6d4",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, Controller: &yes}}}})
	}
	deploy("cart", 1, list("100m", ""), nil)
	deploy("orders", 2, list("250m", "128Mi"), list("500m", "256Mi"))
	deploy("web", 2, list("500m", "256Mi"), list("", "512Mi"))
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}
	percent := int32(70)
	hpa.Spec.Metrics = []autoscalingv2.MetricSpec{{Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &percent}}}}
	s.Add(hpa)
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compute", Annotations: map[string]string{quota.SoftAnnotation: "requests.cpu=80%"}}}
	q.Spec.Hard = corev1.ResourceList{"requests.cpu": resource.MustParse("3"), "pods": resource.MustParse("20")}
	q.Status = corev1.ResourceQuotaStatus{Hard: q.Spec.Hard, Used: corev1.ResourceList{"requests.cpu": resource.MustParse("1600m"), "pods": resource.MustParse("5")}}
	s.Add(q)
	if history {
		usageHistory(s)
	}
	return s
}

// usageHistory answers each question with what belongs to it.
func usageHistory(s *snapshot.Snapshot) {
	q := quota.Query{Namespace: "shop"}
	needs := quota.HistoryNeeds(s, q, usageWeek)
	s.RecordSeries(snapshot.SeriesReading{Need: needs[0], Series: []snapshot.Series{{Points: []snapshot.Point{{Value: 6}}}}})
	series := func(pod string, span time.Duration, step int64, value func(day float64) float64) snapshot.Series {
		var points []snapshot.Point
		for at := takenAt.Add(-span).Unix(); at <= takenAt.Unix(); at += step {
			points = append(points, snapshot.Point{At: at, Value: value(float64(at%86400) / 86400)})
		}
		return snapshot.Series{Labels: map[string]string{"namespace": "shop", "pod": pod, "container": "app"}, Points: points}
	}
	day := func(low, high float64) func(float64) float64 {
		return func(at float64) float64 { // a busy third of the day
			if at > 0.4 && at < 0.75 {
				return high
			}
			return low
		}
	}
	for _, n := range quota.HistoryNeeds(s, q, usageWeek) {
		var out []snapshot.Series
		one := func(pod string, v float64) {
			out = append(out, snapshot.Series{Labels: map[string]string{"namespace": "shop", "pod": pod, "container": "app"}, Points: []snapshot.Point{{At: takenAt.Unix(), Value: v}}})
		}
		switch {
		case strings.Contains(n.Query, "cpu_usage"):
			out = append(out, series("orders-6d4-bbbbb", usageWeek, n.Step, day(0.1, 0.45)), series("orders-6d4-bbbbc", usageWeek, n.Step, day(0.1, 0.3)),
				series("web-6d4-bbbbb", usageWeek, n.Step, day(0.1, 0.3)), series("web-5c9-zzzzz", 30*time.Hour, n.Step, day(0.1, 0.2)), series("cart-6d4-bbbbb", 3*time.Hour, n.Step, day(0.01, 0.02)))
		case strings.Contains(n.Query, "memory_working_set"):
			out = append(out, series("orders-6d4-bbbbb", usageWeek, n.Step, day(90<<20, 240<<20)), series("orders-6d4-bbbbc", usageWeek, n.Step, day(80<<20, 100<<20)),
				series("web-6d4-bbbbb", usageWeek, n.Step, day(200<<20, 230<<20)), series("cart-6d4-bbbbb", 3*time.Hour, n.Step, day(30<<20, 30<<20)))
		case strings.Contains(n.Query, "throttled_periods"):
			one("orders-6d4-bbbbb", 900_000)
		case strings.Contains(n.Query, "cfs_periods"):
			one("orders-6d4-bbbbb", 1_500_000)
		case strings.Contains(n.Query, "OOMKilled"):
			one("orders-6d4-bbbbb", 1)
		case strings.Contains(n.Query, "kube_resourcequota"):
			grow := series("", usageWeek, n.Step, day(0, 0))
			for i := range grow.Points {
				grow.Points[i].Value = 0.9 + 0.7*float64(i)/float64(len(grow.Points)-1)
			}
			grow.Labels = map[string]string{"namespace": "shop", "resourcequota": "compute", "resource": "requests.cpu"}
			still := series("", usageWeek, n.Step, day(5, 5))
			still.Labels = map[string]string{"namespace": "shop", "resourcequota": "compute", "resource": "pods"}
			out = append(out, grow, still)
		}
		s.RecordSeries(snapshot.SeriesReading{Need: n, Series: out})
	}
}

func usageScreen(history bool, targets ...string) func(lang.Lang) any {
	return func(l lang.Lang) any {
		catalogue, _ := finding.LoadCatalogue()
		report, err := quota.UsageOf(usageShop(history), queryFor(targets), usageWeek, quota.SoftLimits{}, catalogue, l)
		if err != nil {
			panic(err)
		}
		if history {
			report.Prometheus = "service monitoring/prometheus"
		}
		return report
	}
}

func suggestScreen(m quota.Method, targets ...string) func(lang.Lang) any {
	return func(l lang.Lang) any {
		report, err := quota.SuggestOf(usageShop(true), queryFor(targets), usageWeek, m, l)
		if err != nil {
			panic(err)
		}
		return report
	}
}

func queryFor(targets []string) quota.Query {
	q := quota.Query{Namespace: "shop"}
	for _, name := range targets {
		q.Targets = append(q.Targets, finding.Ref{Kind: "Deployment", Namespace: "shop", Name: name})
	}
	return q
}

func TestUsageGolden(t *testing.T) {
	for _, f := range []fixture{
		{"quota-usage", usageScreen(true)}, {"quota-usage-now", usageScreen(false)},
		{"quota-suggest", suggestScreen(quota.MethodOurs)}, {"quota-suggest-vpa", suggestScreen(quota.MethodVPA)}, {"quota-suggest-krr", suggestScreen(quota.MethodKRR)},
	} {
		for _, l := range lang.All() {
			t.Run(f.name+"/"+string(l), func(t *testing.T) {
				var all strings.Builder
				for _, v := range views(l) {
					fmt.Fprintf(&all, "===== %s\n%s", v.name, write(t, f.report(l), v.o))
				}
				golden(t, f.name+"."+string(l)+".txt", all.String())
			})
		}
	}
	report, ok := suggestScreen(quota.MethodOurs)(lang.English).(quota.SuggestReport)
	if !ok {
		t.Fatal("no report")
	}
	for _, form := range []quota.Form{quota.AsPatch, quota.AsKustomize, quota.AsHelm} {
		golden(t, "quota-suggest."+string(form)+".yaml", report.Written(form))
	}
}
