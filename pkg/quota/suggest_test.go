package quota

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// suggested gives "requests.cpu=450m limits.cpu=-" for web's container, or why nothing.
func suggested(t testing.TB, p *past, m Method) string {
	t.Helper()
	r, err := SuggestOf(p.done(), p.q, week, m, lang.English)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Suggestions) == 0 {
		if len(r.None) != 1 {
			t.Fatalf("%+v", r)
		}
		return "none: " + r.None[0].Why
	}
	var out []string
	for _, v := range r.Suggestions[0].Containers[0].Values {
		value := v.Value
		if value == "" {
			value = "-"
		}
		out = append(out, v.Field+"="+value)
	}
	if len(r.Suggestions[0].Containers[0].Reasons) == 0 || !strings.Contains(r.Suggestions[0].Command, "kubectl -n shop patch deployment web -p") {
		t.Errorf("%+v", r.Suggestions[0])
	}
	return strings.Join(out, " ")
}

func limitRange(item corev1.LimitRangeItem) *corev1.LimitRange {
	item.Type = corev1.LimitTypeContainer
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bounds"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}}
}

func usedQuota(hard, used corev1.ResourceList) *corev1.ResourceQuota {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "q"}}
	q.Spec.Hard, q.Status.Hard, q.Status.Used = hard, hard, used
	return q
}

func TestSuggest(t *testing.T) {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}
	percent := int32(70)
	hpa.Spec.Metrics = []autoscalingv2.MetricSpec{{Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &percent}}}}
	// 0 to 400m of CPU, evenly: p95 380m, p99 396m; 200Mi of memory and once 300Mi.
	usual := func(p *past) {
		p.add("cpu", podName(0), "app", week, rising(0.4))
		p.add("cpu", podName(1), "app", week, flat(0.05))
		p.add("memory", podName(0), "app", week, func(i, _ int) float64 { return []float64{200 << 20, 300 << 20}[boolInt(i == 9)] })
	}
	small := web(2, list("cpu", "100m", "memory", "100Mi"), list("memory", "200Mi"))
	with := func(more ...snapshot.Object) []snapshot.Object {
		return append(append([]snapshot.Object{}, small...), more...)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Allocatable: list("cpu", "300m", "memory", "8Gi")}}
	for name, c := range map[string]struct {
		objects []snapshot.Object
		fill    func(p *past)
		method  Method
		want    string
	}{
		"ours":                        {small, usual, MethodOurs, "requests.cpu=380m requests.memory=345Mi limits.memory=345Mi"},
		"ours, no limit yet":          {web(2, list("cpu", "100m"), nil), usual, MethodOurs, "requests.cpu=380m requests.memory=345Mi limits.memory=518Mi"},
		"ours, guaranteed":            {web(2, list("cpu", "1", "memory", "1Gi"), list("cpu", "1", "memory", "1Gi")), usual, MethodOurs, "requests.cpu=400m limits.cpu=400m requests.memory=345Mi limits.memory=345Mi"},
		"ours, a limit stays":         {web(2, list("cpu", "1", "memory", "1Gi"), list("cpu", "2", "memory", "2Gi")), usual, MethodOurs, "requests.cpu=380m requests.memory=345Mi"},
		"ours, killed":                {small, func(p *past) { usual(p); p.one("reason", podName(0), "app", 1) }, MethodOurs, "requests.cpu=380m requests.memory=345Mi limits.memory=518Mi"},
		"ours, killed below its peak": {web(2, list("cpu", "380m", "memory", "1Gi"), list("memory", "1Gi")), func(p *past) { usual(p); p.one("ooms", podName(0), "app", 1) }, MethodOurs, "requests.memory=1229Mi limits.memory=1844Mi"},
		"ours, throttled": {web(2, list("cpu", "100m", "memory", "345Mi"), list("cpu", "300m", "memory", "345Mi")), func(p *past) {
			usual(p)
			p.one("throttled", podName(0), "app", 50_000)
			p.one("periods", podName(0), "app", 100_000)
		}, MethodOurs, "requests.cpu=380m limits.cpu=800m"},
		"fits": {web(2, list("cpu", "370m", "memory", "350Mi"), list("memory", "500Mi")), usual, MethodOurs, "none: what it has fits what it used, within a tenth"},
		"krr":  {web(2, list("cpu", "100m", "memory", "100Mi"), list("cpu", "1", "memory", "200Mi")), usual, MethodKRR, "requests.cpu=380m limits.cpu=- requests.memory=345Mi limits.memory=345Mi"},
		"krr, floors": {web(1, list("cpu", "100m", "memory", "200Mi"), nil), func(p *past) {
			p.add("cpu", podName(0), "app", week, flat(0.001))
			p.add("memory", podName(0), "app", week, flat(1<<20))
		}, MethodKRR, "requests.cpu=10m requests.memory=100Mi limits.memory=100Mi"},
		"twelve hours":             {small, func(p *past) { p.add("cpu", podName(0), "app", 12*time.Hour, flat(1)) }, MethodOurs, "none: too little was seen of its cpu: 12h with 145 samples; it takes 24h and 100 samples"},
		"no history":               {small, func(*past) {}, MethodVPA, "none: there is no history of its cpu"},
		"memory alone":             {small, func(p *past) { p.add("memory", podName(0), "app", week, flat(300<<20)) }, MethodOurs, "requests.memory=345Mi limits.memory=345Mi"},
		"under an autoscaler":      {with(hpa), usual, MethodOurs, "requests.memory=345Mi limits.memory=345Mi"},
		"within a LimitRange":      {with(limitRange(corev1.LimitRangeItem{Max: list("cpu", "250m", "memory", "320Mi")})), usual, MethodOurs, "requests.cpu=250m requests.memory=320Mi limits.memory=320Mi"},
		"above a LimitRange's min": {with(limitRange(corev1.LimitRangeItem{Min: list("cpu", "700m")})), usual, MethodOurs, "requests.cpu=700m requests.memory=345Mi limits.memory=345Mi"},
		"on the largest node":      {with(node), usual, MethodOurs, "requests.cpu=300m requests.memory=345Mi limits.memory=345Mi"},
		"as the quota has left":    {with(usedQuota(list("requests.cpu", "500m"), list("requests.cpu", "200m"))), usual, MethodOurs, "requests.cpu=250m requests.memory=345Mi limits.memory=345Mi"},
		"a full quota":             {with(usedQuota(list("requests.cpu", "200m", "limits.memory", "400Mi"), list("requests.cpu", "200m", "limits.memory", "400Mi"))), usual, MethodOurs, "requests.memory=200Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPast(t, c.objects...)
			c.fill(p)
			if got := suggested(t, p, c.method); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// VPA by hand: of a flat use its bucket's end and 15 %, whatever the age.
func TestSuggestVPA(t *testing.T) {
	p := newPast(t, web(1, list("cpu", "100m", "memory", "400Mi"), list("cpu", "200m"))...)
	p.add("cpu", podName(0), "app", week, flat(0.1))
	p.add("memory", podName(0), "app", week, flat(500e6))
	// Bucket 8 of CPU ends at 0.01×(1.05⁹−1)/0.05 = 110.27m → 110m; ×1.15 is 126m.
	// Of memory 1e7×(1.05²⁶−1)/0.05 = 511.13 MB ends bucket 25, in which 500 MB lie.
	end := math.Floor(1e7 * (math.Pow(1.05, 26) - 1) / 0.05)
	memory := int64(end + math.Floor(end*0.15))
	want := fmt.Sprintf("requests.cpu=126m limits.cpu=252m requests.memory=%d", memory)
	if got := suggested(t, p, MethodVPA); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Whatever the use and the LimitRange, what is suggested is let in by it.
func TestSuggestionsAreWithinLimitRanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		amount := func(label string, most int) *resource.Quantity {
			n := rapid.IntRange(0, most).Draw(rt, label)
			if n == 0 {
				return nil
			}
			return resource.NewMilliQuantity(int64(n), resource.DecimalSI)
		}
		item := corev1.LimitRangeItem{Min: corev1.ResourceList{}, Max: corev1.ResourceList{}, Default: corev1.ResourceList{}, MaxLimitRequestRatio: corev1.ResourceList{}}
		low, high := amount("min", 500), amount("max", 2000)
		if low != nil {
			item.Min["cpu"] = *low
		}
		if high != nil && (low == nil || high.Cmp(*low) >= 0) {
			item.Max["cpu"] = *high
		}
		if d := amount("default", 2000); d != nil && rapid.Bool().Draw(rt, "hasDefault") {
			item.Default["cpu"] = *d
		}
		if r := rapid.IntRange(0, 5).Draw(rt, "ratio"); r > 0 {
			item.MaxLimitRequestRatio["cpu"] = *resource.NewQuantity(int64(r), resource.DecimalSI)
		}
		limits := corev1.ResourceList{}
		if l := amount("limit", 2000); l != nil {
			limits["cpu"] = *l
		}
		lr := limitRange(item)
		p := newPast(t, append(web(1, list("cpu", "1m"), limits), lr)...)
		p.add("cpu", podName(0), "app", 48*time.Hour, rising(float64(rapid.IntRange(1, 4000).Draw(rt, "use"))/1000))
		m := rapid.SampledFrom([]Method{MethodOurs, MethodVPA, MethodKRR}).Draw(rt, "method")
		r, err := SuggestOf(p.done(), p.q, week, m, lang.English)
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range r.Suggestions {
			pod := p.s.OfKind("Pod", "shop")[0].DeepCopyObject().(*corev1.Pod)
			resources := &pod.Spec.Containers[0].Resources
			for _, v := range s.Containers[0].Values {
				into := resources.Requests
				if strings.HasPrefix(v.Field, "limits.") {
					if into = resources.Limits; into == nil {
						into = corev1.ResourceList{}
						resources.Limits = into
					}
				}
				_, name, _ := strings.Cut(v.Field, ".")
				if v.Value == "" {
					delete(into, corev1.ResourceName(name))
				} else {
					into[corev1.ResourceName(name)] = resource.MustParse(v.Value)
				}
			}
			fillFromRange(pod, withRangeDefaults(lr))
			if found := checkRange(pod, withRangeDefaults(lr)); len(found) > 0 {
				rt.Fatalf("%v\n%v\n%v", found, s.Containers[0].Values, item)
			}
		}
	})
}
