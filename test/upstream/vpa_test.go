package upstream

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/upstream/oracle"
)

// vpaCase, vpaPod and vpaAnswer are Case, Pod and Answer of the recommender.
type vpaCase struct {
	Containers int      `json:"containers"`
	Request    int64    `json:"request"`
	Pods       []vpaPod `json:"pods"`
}

type vpaPod struct {
	CPU    []snapshot.Point `json:"cpu"`
	Memory []snapshot.Point `json:"memory"`
	Killed bool             `json:"killed"`
}

type vpaAnswer struct {
	Target, Lower, Upper map[corev1.ResourceName]int64
}

const vpaCases = 150

var vpaAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// TestVPARecommendsTheSame gives random histories to the Vertical Pod
// Autoscaler's recommender and to "quota suggest --method vpa": target and bounds
// are the same. Both get the same samples, as with a history from a Prometheus;
// where live metrics are counted, VPA's bounds are narrower.
func TestVPARecommendsTheSame(t *testing.T) {
	ask := vpa(t)
	bounds, killed, alone := 0, 0, 0
	for i := range vpaCases {
		d := rand.New(rand.NewPCG(11, uint64(i)))
		c := randomHistory(d)
		want := ask(c)
		got := suggestVPA(t, c)
		for name, field := range map[corev1.ResourceName]string{corev1.ResourceCPU: "requests.cpu", corev1.ResourceMemory: "requests.memory"} {
			value, suggested := got.values[field]
			if !suggested { // it has so much already, within a tenth
				value = c.Request
			}
			off := value - want.Target[name]
			if suggested && off != 0 || !suggested && (name != corev1.ResourceMemory || 9*off > value || 9*-off > value) {
				t.Errorf("case %d: %s %d, the recommender says %d (suggested: %t)", i, field, value, want.Target[name], suggested)
			}
			for _, b := range got.bounds {
				if b.Resource != string(name) {
					continue
				}
				bounds++
				for _, x := range []struct {
					got  string
					want int64
				}{{b.Lower, want.Lower[name]}, {b.Upper, want.Upper[name]}} {
					// It is printed with the digits that matter, rounded up.
					if over := amount(t, name, x.got) - x.want; over < 0 || over > x.want/100+1 {
						t.Errorf("case %d: a bound of %s is %s, the recommender says %d", i, name, x.got, x.want)
					}
				}
			}
		}
		for _, p := range c.Pods {
			if p.Killed {
				killed++
			}
		}
		if c.Containers == 1 {
			alone++
		}
	}
	if bounds != 2*vpaCases || killed < 10 || alone < 10 {
		t.Errorf("%d bounds compared in %d cases, %d pods killed, %d alone in their pods", bounds, vpaCases, killed, alone)
	}
}

// vpa builds the recommender, starts it and gives a way to ask it.
func vpa(t *testing.T) func(vpaCase) vpaAnswer {
	t.Helper()
	in, out := oracle.Start(t, oracle.Build(t, "vpa"))
	questions, answers := json.NewEncoder(in), json.NewDecoder(out)
	return func(c vpaCase) vpaAnswer {
		var a vpaAnswer
		if err := questions.Encode(c); err != nil {
			t.Fatal(err)
		}
		if err := answers.Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// randomHistory draws one to three pods, each with days of samples: flat, in
// waves, with peaks, younger than the others, killed for memory or not.
func randomHistory(d *rand.Rand) vpaCase {
	c := vpaCase{Containers: 1 + d.IntN(3), Request: []int64{0, 1 << 20, 64 << 20, 1 << 30}[d.IntN(4)]}
	days := 2 + d.IntN(6)
	for range 1 + d.IntN(3) {
		n := days*24*12 - d.IntN(24*12)
		cores, bytes := 0.002*float64(1+d.IntN(2000)), float64(1<<20)*float64(1+d.IntN(3000))
		spread := d.Float64()
		var p vpaPod
		for i := range n {
			at := vpaAt.Add(-time.Duration(n-1-i) * 5 * time.Minute).Unix()
			p.CPU = append(p.CPU, snapshot.Point{At: at, Value: cores * (1 + spread*d.Float64())})
			p.Memory = append(p.Memory, snapshot.Point{At: at, Value: float64(int64(bytes * (1 + spread*d.Float64())))})
		}
		if d.IntN(3) == 0 {
			p.Memory[d.IntN(n)].Value *= 3
		}
		p.Killed = d.IntN(4) == 0
		c.Pods = append(c.Pods, p)
	}
	return c
}

// proposed is what the tool suggests for the first container.
type proposed struct {
	values map[string]int64
	bounds []quota.VPABounds
}

func suggestVPA(t *testing.T, c vpaCase) proposed {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, vpaAt)
	for _, k := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: k.Kind}})
	}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	for i := range c.Containers {
		deployment.Spec.Template.Spec.Containers = append(deployment.Spec.Template.Spec.Containers, corev1.Container{Name: []string{"app", "log", "proxy"}[i]})
	}
	if c.Request > 0 {
		deployment.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(c.Request, resource.BinarySI)}
	}
	s.Add(deployment)
	const window = 8 * 24 * time.Hour
	q := quota.Query{Namespace: "shop"}
	for range 2 { // first how many containers there are, then all the rest
		for _, n := range quota.HistoryNeeds(s, q, window) {
			s.RecordSeries(snapshot.SeriesReading{Need: n, Series: c.series(n.Query)})
		}
	}
	report, err := quota.SuggestOf(s, q, window, quota.MethodVPA, lang.English)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Suggestions) != 1 || report.Suggestions[0].Containers[0].Container != "app" {
		t.Fatalf("%+v, none %+v", report.Suggestions, report.None)
	}
	one := report.Suggestions[0].Containers[0]
	out := proposed{values: map[string]int64{}, bounds: one.Bounds}
	for _, v := range one.Values {
		_, name, _ := strings.Cut(v.Field, ".")
		out.values[v.Field] = amount(t, corev1.ResourceName(name), v.Value)
	}
	return out
}

// series answers a question.
func (c vpaCase) series(query string) []snapshot.Series {
	if strings.HasPrefix(query, "count(") {
		return []snapshot.Series{{Points: []snapshot.Point{{At: vpaAt.Unix(), Value: 1}}}}
	}
	var out []snapshot.Series
	for i, p := range c.Pods {
		one := snapshot.Series{Labels: map[string]string{"namespace": "shop", "pod": fmt.Sprintf("web-6d4-%cbbbb", "bcd"[i]), "container": "app"}}
		switch {
		case strings.Contains(query, "container_cpu_usage_seconds_total"):
			one.Points = p.CPU
		case strings.Contains(query, "container_memory_working_set_bytes"):
			one.Points = p.Memory
		case strings.Contains(query, "container_oom_events_total") && p.Killed:
			one.Points = []snapshot.Point{{At: vpaAt.Unix(), Value: 1}}
		}
		out = append(out, one)
	}
	return out
}

// amount is in thousandths of a core, or bytes.
func amount(t *testing.T, name corev1.ResourceName, text string) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}
