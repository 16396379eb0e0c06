package fit

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// drawPod draws a pod with requests, a host port and anti-affinity.
func drawPod(t *rapid.T, name string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "app")}}}
	c := corev1.Container{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(rapid.Int64Range(0, 1200).Draw(t, "cpu"), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(rapid.Int64Range(0, 2<<30).Draw(t, "memory"), resource.BinarySI),
	}}}
	if rapid.Bool().Draw(t, "port") {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	}
	pod.Spec.Containers = []corev1.Container{c}
	if rapid.IntRange(0, 3).Draw(t, "alone") == 0 {
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			}},
		}}
	}
	return pod
}

func drawScene(t *rapid.T) *scene {
	s := &scene{Pod: drawPod(t, "new")}
	for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")}}}
		s.Nodes = append(s.Nodes, n)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "pods") {
		p := drawPod(t, fmt.Sprintf("p%d", i))
		p.Spec.NodeName = rapid.SampledFrom(s.Nodes).Draw(t, "on").Name
		s.Pods = append(s.Pods, p)
	}
	return s
}

// Without required affinity and spread, a pod that goes never takes a place away.
func TestRemovingAPodNeverMakesItWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		before := s.cluster().Judge(s.Pod).Fitting()
		if len(s.Pods) == 0 {
			return
		}
		gone := rapid.IntRange(0, len(s.Pods)-1).Draw(t, "gone")
		s.Pods = slices.Delete(s.Pods, gone, gone+1)
		after := s.cluster().Judge(s.Pod).Fitting()
		for _, node := range before {
			if !slices.Contains(after, node) {
				t.Fatalf("%s took the pod and does not when there is one pod less", node)
			}
		}
	})
}

// Asking for what the shortage says is free, at most, lifts that shortage; one
// unit more does not.
func TestAskingForWhatIsFreeFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		for _, n := range s.cluster().Judge(s.Pod).Nodes {
			for _, r := range n.Refusals {
				if r.Reason != Insufficient || r.Shortage.Resource != corev1.ResourceCPU || r.Shortage.Free.Sign() <= 0 {
					continue
				}
				if shortOfCPU(s, n.Node, r.Shortage.Free.MilliValue()) || !shortOfCPU(s, n.Node, r.Shortage.Free.MilliValue()+1) {
					t.Fatalf("%s: %v free is not the most that fits", n.Node, r.Shortage.Free.String())
				}
			}
		}
	})
}

func shortOfCPU(s *scene, node string, milli int64) bool {
	asking := s.Pod.DeepCopy()
	asking.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
	for _, n := range s.cluster().Judge(asking).Nodes {
		for _, r := range n.Refusals {
			if n.Node == node && r.Reason == Insufficient && r.Shortage.Resource == corev1.ResourceCPU {
				return true
			}
		}
	}
	return false
}

// The answer does not hang on the order in which nodes and pods were listed.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		first := s.cluster().Judge(s.Pod)
		slices.Reverse(s.Nodes)
		slices.Reverse(s.Pods)
		second := s.cluster().Judge(s.Pod)
		one, _ := first.SmallestChange()
		two, _ := second.SmallestChange()
		if first.Message() != second.Message() || one.Node != two.Node {
			t.Fatalf("%q at %q, and in reverse %q at %q", first.Message(), one.Node, second.Message(), two.Node)
		}
	})
}

func BenchmarkCluster(b *testing.B) {
	nodes, pods := big(300, 10_000)
	waiting := pods[0].DeepCopy()
	waiting.Spec.NodeName = ""
	waiting.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("64")
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := NewCluster(nodes, Facts{})
			c.Bind(pods...)
		}
	})
	c := NewCluster(nodes, Facts{})
	c.Bind(pods...)
	b.Run("judge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Judge(waiting)
		}
	})
	near := waiting.DeepCopy()
	near.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "app-1"}},
		}},
	}}
	near.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "app-1"}},
	}}
	b.Run("judge-affinity", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Judge(near)
		}
	})
}

// big is a cluster of the size that a large team runs.
func big(n, p int) ([]*corev1.Node, []*corev1.Pod) {
	var nodes []*corev1.Node
	for i := range n {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: map[string]string{"zone": fmt.Sprint(i % 3)}}}
		complete(node)
		nodes = append(nodes, node)
	}
	var pods []*corev1.Pod
	for i := range p {
		app := fmt.Sprintf("app-%d", i%100)
		pods = append(pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i), Namespace: "shop", Labels: map[string]string{"app": app}},
			Spec: corev1.PodSpec{NodeName: nodes[i%n].Name, Containers: []corev1.Container{
				{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")}}},
			}},
		})
	}
	return nodes, pods
}
