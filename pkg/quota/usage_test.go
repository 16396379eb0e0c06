package quota

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var usageAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const week = 7 * 24 * time.Hour

// past is a cluster with one workload, and what a Prometheus would answer of it.
type past struct {
	t testing.TB
	s *snapshot.Snapshot
	q Query

	readings map[string][]snapshot.Series // which question → series
}

func newPast(t testing.TB, objects ...snapshot.Object) *past {
	s := snapshot.New(snapshot.FromCluster, usageAt)
	for _, k := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: k.Kind}})
	}
	for _, o := range objects {
		s.Add(o)
	}
	return &past{t: t, s: s, q: Query{Namespace: "shop"}, readings: map[string][]snapshot.Series{}}
}

// add gives a container of a pod a value every step of the time before now.
func (p *past) add(question, pod, container string, long time.Duration, value func(i, n int) float64) {
	n := int(long/(5*time.Minute)) + 1
	points := make([]snapshot.Point, n)
	for i := range points {
		points[i] = snapshot.Point{At: usageAt.Add(-long + time.Duration(i)*5*time.Minute).Unix(), Value: value(i, n)}
	}
	p.readings[question] = append(p.readings[question], snapshot.Series{Labels: map[string]string{"namespace": "shop", "pod": pod, "container": container}, Points: points})
}

func (p *past) one(question, pod, container string, value float64) {
	p.readings[question] = append(p.readings[question], snapshot.Series{
		Labels: map[string]string{"namespace": "shop", "pod": pod, "container": container}, Points: []snapshot.Point{{At: usageAt.Unix(), Value: value}},
	})
}

// done answers the questions.
func (p *past) done() *snapshot.Snapshot {
	n, _ := questions(p.s, p.q, week)
	p.s.RecordSeries(snapshot.SeriesReading{Need: n.count, Series: []snapshot.Series{{Points: []snapshot.Point{{At: 1, Value: 2}}}}})
	n, sized := questions(p.s, p.q, week)
	if !sized {
		p.t.Fatal("the size is not known")
	}
	for name, need := range map[string]snapshot.SeriesNeed{
		"cpu": n.cpu, "memory": n.memory, "throttled": n.throttled, "periods": n.periods, "ooms": n.ooms, "reason": n.oomReason, "quotas": n.quotas,
	} {
		p.s.RecordSeries(snapshot.SeriesReading{Need: need, Series: p.readings[name]})
	}
	return p.s
}

func flat(v float64) func(int, int) float64 { return func(int, int) float64 { return v } }

// rising goes from 0 to v over the time.
func rising(v float64) func(int, int) float64 {
	return func(i, n int) float64 { return v * float64(i) / float64(n-1) }
}

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

// web is a Deployment with so many running pods, web-6d4-aaaaa and so on.
func web(replicas int, requests, limits corev1.ResourceList) []snapshot.Object {
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}}}
	n := int32(replicas)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	d.Spec.Replicas, d.Spec.Template.Spec = &n, spec
	out := []snapshot.Object{d}
	yes := true
	for i := range replicas {
		out = append(out, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: podName(i), Labels: map[string]string{"pod-template-hash": "6d4"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-6d4", Controller: &yes}}},
			Spec: *spec.DeepCopy(), Status: corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
	return append(out, &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-6d4",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Controller: &yes}}}})
}

func podName(i int) string { return fmt.Sprintf("web-6d4-%cbbbb", "bcdfg"[i]) }

func usageReport(t testing.TB, s *snapshot.Snapshot, q Query) UsageReport {
	t.Helper()
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	r, err := UsageOf(s, q, week, SoftLimits{}, catalogue, lang.English)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUsageOverTime(t *testing.T) {
	p := newPast(t, web(2, list("cpu", "500m", "memory", "128Mi"), list("memory", "256Mi"))...)
	p.add("cpu", podName(0), "app", week, rising(1))
	p.add("cpu", podName(1), "app", week, flat(0.1))
	p.add("cpu", "web-5f6d-xxxxx", "app", 24*time.Hour, flat(0.2)) // of an earlier ReplicaSet
	p.add("cpu", "web-api-6d4-ccccc", "app", week, flat(9))        // of web-api, which is not asked about
	p.add("cpu", podName(0), "injected", week, flat(9))            // a container that the template does not have
	p.add("memory", podName(0), "app", week, flat(100<<20))
	p.one("throttled", podName(0), "app", 30_000)
	p.one("periods", podName(0), "app", 120_000)
	r := usageReport(t, p.done(), p.q)
	if len(r.Usage) != 1 {
		t.Fatalf("%+v", r.Usage)
	}
	u := r.Usage[0]
	if u.Object.Container != "app" || u.Pods != 2 || u.Earlier != 1 || u.CPU.Pods != 3 || *u.ThrottledPercent != 25 || u.OOMKilled != 0 {
		t.Errorf("%+v", u)
	}
	// 0 to 1 in 2017 points: the p95 lies at 0.95. The pool is that, as many of 0.1, and 289 of 0.2.
	if w := u.CPU.Worst; w.Pod != podName(0) || w.P50 != "500m" || w.P95 != "950m" || w.P99 != "990m" || w.Max != "1" || w.Samples != 2017 {
		t.Errorf("worst: %+v", w)
	}
	if d := u.CPU.Pooled; d.Samples != 2*2017+289 || d.P50 != "100m" || d.Max != "1" {
		t.Errorf("pooled: %+v", d)
	}
	if u.CPU.Covered != "7d" || !u.CPU.To.Equal(usageAt) || r.Step != "5m" || r.AveragedOver != "5m" || u.Memory.Worst.Max != "100Mi" {
		t.Errorf("%+v %s %s", u.CPU, r.Step, r.AveragedOver)
	}
}

// Fewer points where there are many containers: the answer stays bounded.
func TestQuestionsStayBounded(t *testing.T) {
	for _, count := range []float64{0, 1, 100, 5000, 1e6} {
		s := snapshot.New(snapshot.FromCluster, usageAt)
		n, sized := questions(s, Query{}, week)
		if sized {
			t.Fatal("nobody has counted")
		}
		s.RecordSeries(snapshot.SeriesReading{Need: n.count, Series: []snapshot.Series{{Points: []snapshot.Point{{Value: count}}}}})
		n, _ = questions(s, Query{}, week)
		points := float64(n.cpu.Window / n.cpu.Step)
		if points < 1 || points > pointsPerSeries || count > 0 && points*count > 3*pointsPerAnswer && points > 2 || n.average < n.step {
			t.Errorf("%g containers: %+v", count, n.cpu)
		}
	}
}

func TestQuantilesAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e12), 1, 300).Draw(t, "values")
		d := distribution(corev1.ResourceMemory, values)
		all := []float64{slices.Min(values), d.p50, d.p90, d.p95, d.p99, d.max}
		if !slices.IsSorted(all) || d.max != slices.Max(values) || d.Samples != len(values) {
			t.Fatalf("%v", all)
		}
	})
}

func TestPodsThatAreGoneAreKnownByName(t *testing.T) {
	var works []Work
	for _, w := range []struct{ kind, name string }{{"Deployment", "web"}, {"Deployment", "web-api"}, {"StatefulSet", "db"}, {"DaemonSet", "agent"}, {"CronJob", "tidy"}, {"Job", "once"}, {"DaemonSet", "twin"}, {"ReplicaSet", "twin"}} {
		works = append(works, Work{Ref: finding.Ref{Kind: w.kind, Namespace: "shop", Name: w.name}})
	}
	for pod, want := range map[string]string{
		"web-7d8f9c6b5-x2k4z":     "deployment/web",
		"web-api-7d8f9c6b5-x2k4z": "deployment/web-api",
		"web-api-x2k4z":           "", // "api" is no hash: a is not in the alphabet
		"web-7d8f9c6b5-x2k4":      "",
		"db-12":                   "statefulset/db",
		"db-x":                    "",
		"agent-x2k4z":             "daemonset/agent",
		"tidy-28801440-x2k4z":     "cronjob/tidy",
		"once-x2k4z":              "job/once",
		"once-3-x2k4z":            "job/once",
		"twin-x2k4z":              "", // either could have made it
		"unrelated":               "",
	} {
		of, ok := namers(works).workload(finding.Ref{Namespace: "shop", Name: pod})
		if got := of.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s %t, want %q", pod, got, ok, want)
		}
	}
	if _, ok := namers(works).workload(finding.Ref{Namespace: "other", Name: "db-0"}); ok {
		t.Error("a pod of another namespace")
	}
}

// usageRuleCase is some usage over time, with the one rule that fires; or none,
// and the rule that it is near to.
type usageRuleCase struct {
	objects []snapshot.Object
	fill    func(p *past)
	all     bool
	want    string
	grade   finding.Severity
	near    string
}

// Each rule that looks back fires, and is silent a little aside of it.
func usageRuleCases() map[string]usageRuleCase {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}
	percent := int32(70)
	hpa.Spec.Metrics = []autoscalingv2.MetricSpec{{Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &percent}}}}
	node := func(memory string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Allocatable: list("memory", memory, "cpu", "8")}}
	}
	onNode := func(objects []snapshot.Object) []snapshot.Object {
		for _, o := range objects {
			if pod, ok := o.(*corev1.Pod); ok {
				pod.Spec.NodeName = "n"
			}
		}
		return objects
	}
	limited := web(2, list("cpu", "100m"), list("cpu", "200m"))
	return map[string]usageRuleCase{
		"throttled": {limited, func(p *past) {
			p.one("throttled", podName(0), "app", 60_000)
			p.one("periods", podName(0), "app", 100_000)
		}, false, "quota/cpu-throttled", "warning", ""},
		"throttled a bit": {limited, func(p *past) {
			p.one("throttled", podName(0), "app", 30_000)
			p.one("periods", podName(0), "app", 100_000)
		}, false, "quota/cpu-throttled", "info", ""},
		"throttled little": {limited, func(p *past) {
			p.one("throttled", podName(0), "app", 20_000)
			p.one("periods", podName(0), "app", 100_000)
		}, false, "", "", "quota/cpu-throttled"},
		"few periods": {limited, func(p *past) { p.one("throttled", podName(0), "app", 600); p.one("periods", podName(0), "app", 1000) }, false, "", "", "quota/cpu-throttled"},
		"limit gone": {web(1, list("cpu", "100m"), nil), func(p *past) {
			p.one("throttled", podName(0), "app", 60_000)
			p.one("periods", podName(0), "app", 100_000)
		}, false, "", "", "quota/cpu-throttled"},
		"memory above request": {web(1, list("memory", "64Mi"), nil), func(p *past) { p.add("memory", podName(0), "app", week, flat(90<<20)) }, false, "quota/under-requested", "warning", ""},
		"memory at peak only": {web(1, list("memory", "64Mi"), nil), func(p *past) {
			p.add("memory", podName(0), "app", week, func(i, _ int) float64 { return []float64{50 << 20, 90 << 20}[boolInt(i == 5)] })
		}, false, "", "", "quota/under-requested"},
		"memory, half a day": {web(1, list("memory", "64Mi"), nil), func(p *past) { p.add("memory", podName(0), "app", 12*time.Hour, flat(90<<20)) }, false, "", "", "quota/under-requested"},
		"cpu above request":  {web(1, list("cpu", "100m"), nil), func(p *past) { p.add("cpu", podName(0), "app", week, flat(0.3)) }, false, "quota/under-requested", "info", ""},
		"idle":               {web(2, list("cpu", "1"), nil), func(p *past) { p.add("cpu", podName(0), "app", week, flat(0.2)) }, false, "quota/over-requested", "info", ""},
		"busier pod beside it": {web(2, list("cpu", "1"), nil), func(p *past) {
			p.add("cpu", podName(0), "app", week, flat(0.2))
			p.add("cpu", podName(1), "app", week, flat(0.6))
		}, false, "", "", "quota/over-requested"},
		"idle under an HPA":     {append(web(2, list("cpu", "1"), nil), hpa), func(p *past) { p.add("cpu", podName(0), "app", week, flat(0.2)) }, false, "", "", "quota/over-requested"},
		"little idle":           {web(2, list("cpu", "300m"), nil), func(p *past) { p.add("cpu", podName(0), "app", week, flat(0.01)) }, false, "", "", "quota/over-requested"},
		"peaks above the node":  {append(onNode(web(2, list("memory", "400Mi"), nil)), node("1Gi")), func(p *past) { spiky(p, podName(0)); spiky(p, podName(1)) }, true, "quota/memory-overcommit", "warning", ""},
		"peaks fit the node":    {append(onNode(web(2, list("memory", "400Mi"), nil)), node("2Gi")), func(p *past) { spiky(p, podName(0)); spiky(p, podName(1)) }, true, "", "", "quota/memory-overcommit"},
		"one namespace is read": {append(onNode(web(2, list("memory", "400Mi"), nil)), node("1Gi")), func(p *past) { spiky(p, podName(0)); spiky(p, podName(1)) }, false, "", "", "quota/memory-overcommit"},
	}
}

func TestUsageRules(t *testing.T) {
	for name, c := range usageRuleCases() {
		t.Run(name, func(t *testing.T) {
			p := newPast(t, c.objects...)
			if c.all {
				p.q = Query{}
			} else {
				p.s = narrowed(c.objects)
			}
			c.fill(p)
			r := usageReport(t, p.done(), p.q)
			got, grade := "", finding.Severity("")
			for _, f := range r.Findings {
				got, grade = got+f.Rule, f.Severity
				if len(f.Evidence) == 0 || len(f.Fix) == 0 || f.Title == "" || f.Why == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			if got != c.want || grade != c.grade {
				t.Errorf("%q %q, want %q %q", got, grade, c.want, c.grade)
			}
		})
	}
}

// narrowed is a snapshot of the one namespace alone.
func narrowed(objects []snapshot.Object) *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, usageAt)
	for _, k := range snapshot.Kinds() {
		n := snapshot.Need{Kind: k.Kind}
		if k.Namespaced {
			n.Namespace = "shop"
		}
		s.Record(snapshot.Reading{Need: n})
	}
	for _, o := range objects {
		s.Add(o)
	}
	return s
}

// spiky uses 300Mi, and 600Mi once.
func spiky(p *past, pod string) {
	p.add("memory", pod, "app", week, func(i, _ int) float64 { return []float64{300 << 20, 600 << 20}[boolInt(i == 7)] })
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTrends(t *testing.T) {
	points := func(n int, every time.Duration, value func(i int) float64) []snapshot.Point {
		out := make([]snapshot.Point, n)
		for i := range out {
			out[i] = snapshot.Point{At: usageAt.Add(-time.Duration(n-1-i) * every).Unix(), Value: value(i)}
		}
		return out
	}
	noise := []float64{4, -3, 5, -4, 2, -5, 3}
	soft := 9.0
	for name, c := range map[string]struct {
		points     []snapshot.Point
		soft       *float64
		want       Trend
		hard, near int // −1 for none
		perDay     string
	}{
		"a tenth a day":   {points(169, time.Hour, func(i int) float64 { return 1 + float64(i)/24 }), &soft, Grows, 2, 1, "1"},
		"steps that grow": {points(169, time.Hour, func(i int) float64 { return 1 + math.Floor(float64(i)/24) }), nil, Grows, 2, -1, ""},
		"steady":          {points(169, time.Hour, func(int) float64 { return 5 }), nil, Steady, -1, -1, ""},
		"falling":         {points(169, time.Hour, func(i int) float64 { return 9 - float64(i)/24 }), nil, Falls, -1, -1, ""},
		"up and down":     {points(169, time.Hour, func(i int) float64 { return 5 + noise[i%7] + float64(i)/600 }), nil, Unclear, -1, -1, ""},
		"two days":        {points(49, time.Hour, func(i int) float64 { return 1 + float64(i)/24 }), nil, TooFew, -1, -1, ""},
		"few points":      {points(8, 24*time.Hour, func(i int) float64 { return float64(i) }), nil, TooFew, -1, -1, ""},
		"over it already": {points(169, time.Hour, func(i int) float64 { return 4 + float64(i)/24 }), nil, Grows, -1, -1, "1"},
		"in years":        {points(169, time.Hour, func(i int) float64 { return 1 + float64(i)/24/50 }), nil, Grows, -1, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := QuotaTrend{}
			u.forecast("requests.cpu", c.points, 10, c.soft)
			days := func(n *int) int {
				if n == nil {
					return -1
				}
				return *n
			}
			if u.Trend != c.want || days(u.DaysUntilHard) != c.hard || days(u.DaysUntilSoft) != c.near || c.perDay != "" && u.PerDay != c.perDay {
				t.Errorf("%s, hard in %d, soft in %d, %s a day (%d points)", u.Trend, days(u.DaysUntilHard), days(u.DaysUntilSoft), u.PerDay, u.Points)
			}
		})
	}
}

func TestUsageSaysWhatIsMissing(t *testing.T) {
	p := newPast(t, web(1, nil, nil)...)
	r := usageReport(t, p.s, p.q)
	if len(r.NotChecked) != 1 || r.Usage[0].CPU != nil || r.Usage[0].ThrottledPercent != nil {
		t.Errorf("%+v", r)
	}
	for why, want := range map[string]string{
		"timed out":                        "Prometheus did not answer in time",
		"unreachable: connection refused":  "Prometheus does not answer: connection refused",
		"too big: over 64 MiB":             "Prometheus' answer is too big (over 64 MiB): name a workload or a namespace, or a shorter --window",
		"not found: no Service has labels": "no Service has labels: give its address with --prometheus http://HOST:9090",
	} {
		p := newPast(t, web(1, nil, nil)...)
		n, _ := questions(p.s, p.q, week)
		p.s.RecordSeries(snapshot.SeriesReading{Need: n.count, Why: why})
		if r := usageReport(t, p.s, p.q); len(r.NotChecked) != 1 || r.NotChecked[0].Why != want {
			t.Errorf("%s: %+v", why, r.NotChecked)
		}
	}
	// A Prometheus that answers and knows nothing of these pods.
	p = newPast(t, web(1, nil, nil)...)
	if r := usageReport(t, p.done(), p.q); len(r.NotChecked) != 1 || r.Usage[0].Memory != nil {
		t.Errorf("%+v", r.NotChecked)
	}
}
