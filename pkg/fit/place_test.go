package fit

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// Place ends where judging each pod anew ends, and leaves the same behind.
func TestPlaceIsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		drawNeighbours(t, s.Pod)
		n := rapid.IntRange(1, 12).Draw(t, "pods")
		c := s.cluster()
		at, before := c.Clone(), whereAll(c)
		placed, full := at.Place(s.Pod, n)
		if after := whereAll(c); !cmp.Equal(before, after) {
			t.Fatalf("the cluster that was copied changed: %s", cmp.Diff(before, after))
		}
		wanted, why := placeOneByOne(c, s.Pod, n)
		if placed != wanted {
			t.Fatalf("%d, one by one %d", placed, wanted)
		}
		if !c.LooksAtOthers(s.Pod) {
			return // which of the nodes stay empty is another order's affair
		}
		if a, b := full.Message(), why.Message(); placed < n && a != b {
			t.Fatalf("%s\none by one: %s", a, b)
		}
		if a, b := whereAll(at), whereAll(c); !cmp.Equal(a, b) {
			t.Fatal(cmp.Diff(a, b))
		}
	})
}

func whereAll(c *Cluster) map[string][]string {
	out := map[string][]string{}
	for _, h := range c.hosts {
		for _, p := range h.pods {
			out[h.node.Name] = append(out[h.node.Name], nameOf(p))
		}
	}
	return out
}

func placeOneByOne(c *Cluster, pod *corev1.Pod, n int) (int, Verdict) {
	got := map[string]int{}
	for i := range n {
		v := c.Judge(pod)
		nodes := v.Fitting()
		if len(nodes) == 0 {
			return i, v
		}
		best := nodes[0]
		for _, name := range nodes {
			if got[name] < got[best] {
				best = name
			}
		}
		got[best]++
		c.Bind(numbered(pod, i, best))
	}
	return n, Verdict{}
}

// drawNeighbours lets the pod look at others: spread, and affinity.
func drawNeighbours(t *rapid.T, pod *corev1.Pod) {
	app := func(name string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	}
	key := rapid.SampledFrom([]string{"zone", corev1.LabelHostname})
	if rapid.Bool().Draw(t, "spread") {
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: rapid.Int32Range(1, 2).Draw(t, "skew"), TopologyKey: key.Draw(t, "by"), WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: app(pod.Labels["app"]),
		})
	}
	if rapid.IntRange(0, 3).Draw(t, "near") == 0 {
		if pod.Spec.Affinity == nil {
			pod.Spec.Affinity = &corev1.Affinity{}
		}
		pod.Spec.Affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
			{TopologyKey: key.Draw(t, "near by"), LabelSelector: app(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "near app"))},
		}}
	}
}

func drawBatches(t *rapid.T) []Batch {
	var out []Batch
	for i := range rapid.IntRange(1, 3).Draw(t, "batches") {
		pod := drawPod(t, fmt.Sprintf("b%d", i))
		drawNeighbours(t, pod)
		if rapid.IntRange(0, 4).Draw(t, "urgent") == 0 {
			pod.Spec.Priority = new(int32(1000))
		}
		out = append(out, Batch{Pod: pod, Pods: rapid.IntRange(0, 8).Draw(t, "size")})
	}
	return out
}

// Whatever the way: no node holds more than it has, every pod was taken by its
// node, and none that is left would be taken by any.
func TestPlaceAllKeepsToTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		c := s.cluster()
		batches := drawBatches(t)
		w := rapid.SampledFrom(ways(manyWays)).Draw(t, "way")
		before := map[*host]int{}
		for _, h := range c.hosts {
			before[h] = len(h.pods)
		}
		placed := c.PlaceAll(batches, w)
		for _, h := range c.hosts {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if len(h.pods) > before[h] && h.requested[name] > h.allocatable[name] && asksFor(h.pods[before[h]:], name) {
					t.Fatalf("%s holds %d of %d %s", h.node.Name, h.requested[name], h.allocatable[name], name)
				}
			}
			if len(h.pods) > max(before[h], 10) {
				t.Fatalf("%s holds %d pods", h.node.Name, len(h.pods))
			}
		}
		for i, p := range placed {
			sum := 0
			for _, n := range p.On {
				sum += n
			}
			switch {
			case sum != p.Pods || p.Pods > batches[i].Pods:
				t.Fatalf("%d of %d pods, on %v", p.Pods, batches[i].Pods, p.On)
			case p.Pods < batches[i].Pods && (len(p.Full.Nodes) == 0 || len(p.Full.Fitting()) > 0):
				t.Fatalf("a pod of %s is left, and %v would take it", batches[i].Pod.Name, p.Full.Fitting())
			}
		}
	})
}

func asksFor(pods []*corev1.Pod, name corev1.ResourceName) bool {
	return slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return asks(p)[name] > 0 })
}

// Placing in a clone does not show in the original.
func TestTryChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawScene(t).cluster()
		batches := drawBatches(t)
		before := whereAll(c)
		trial := c.Try(batches)
		if diff := cmp.Diff(before, whereAll(c)); diff != "" {
			t.Fatal(diff)
		}
		for i, b := range batches {
			n := trial.First[i].Pods
			if least, most := trial.Range(i); least > n || most < n || most > b.Pods {
				t.Fatalf("%d of %d, between %d and %d", n, b.Pods, least, most)
			}
		}
	})
}

// What hangs on order and chance is found out, and what does not is not.
func TestTry(t *testing.T) {
	pod := func(name, cpu string, change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": name}}}
		p.Spec.Containers = []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}}
		if change != nil {
			change(p)
		}
		return p
	}
	near := func(app string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
				{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
			}}}
		}
	}
	for _, c := range []struct {
		name        string
		nodes       int
		batches     []Batch
		least, most []int
	}{
		{"alike", 3, []Batch{{pod("a", "600m", nil), 20}}, []int{9}, []int{9}},
		{"none asked", 1, []Batch{{pod("a", "1", nil), 0}}, []int{0}, []int{0}},
		{"no node", 0, []Batch{{pod("a", "1", nil), 2}}, []int{0}, []int{0}},
		{"a large one beside small ones", 2, []Batch{{pod("small", "1", nil), 2}, {pod("large", "2", nil), 1}}, []int{2, 0}, []int{2, 1}},
		{"the urgent one comes first", 2, []Batch{{pod("small", "1", nil), 2}, {pod("large", "2", func(p *corev1.Pod) { p.Spec.Priority = new(int32(5)) }), 1}}, []int{2, 1}, []int{2, 1}},
		{"one waits for the other", 2, []Batch{{pod("back", "100m", near("front")), 1}, {pod("front", "100m", nil), 1}}, []int{1, 1}, []int{1, 1}},
		{"a group near itself", 2, []Batch{{pod("a", "1", near("a")), 4}}, []int{2}, []int{2}},
		{"more than anyone has", 2, []Batch{{pod("a", "0", nil), 1_000_000_000}, {pod("b", "0", nil), 1}}, []int{19, 0}, []int{20, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var nodes []*corev1.Node
			for i := range c.nodes {
				n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i)}}
				complete(n)
				nodes = append(nodes, n)
			}
			trial := NewCluster(nodes, Facts{}).Try(c.batches)
			for i := range c.batches {
				least, most := trial.Range(i)
				same(t, "least", c.least[i], least)
				same(t, "most", c.most[i], most)
			}
		})
	}
}

func BenchmarkTry(b *testing.B) {
	nodes, pods := big(300, 3_000)
	for _, n := range nodes {
		n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("110")}
	}
	c := NewCluster(nodes, Facts{})
	c.Bind(pods...)
	spread := pods[0].DeepCopy()
	spread.Spec.NodeName = ""
	spread.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "app-0"}},
	}}
	for _, n := range []int{10, 1000, 1_000_000} {
		b.Run(fmt.Sprintf("spread-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Try([]Batch{{Pod: spread, Pods: n}})
			}
		})
	}
}
