package probe

import (
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A name that no container has is told; one that has no probe is no such thing, and neither is a workload without pods.
func TestQuestionsOfOneContainer(t *testing.T) {
	for name, c := range map[string]struct {
		container corev1.Container
		starts    []int
		asked     string
		questions int
		unknown   bool
	}{
		"its own name":         {corev1.Container{LivenessProbe: get("/", nil)}, []int{1}, "app", 1, false},
		"none":                 {corev1.Container{LivenessProbe: get("/", nil)}, []int{1}, "", 1, false},
		"a name that is none":  {corev1.Container{LivenessProbe: get("/", nil)}, []int{1}, "apq", 0, true},
		"one without a probe":  {corev1.Container{}, []int{1}, "app", 0, false},
		"no pod, a name":       {corev1.Container{LivenessProbe: get("/", nil)}, nil, "app", 0, false},
		"no pod, no such name": {corev1.Container{LivenessProbe: get("/", nil)}, nil, "apq", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			questions, _, err := Questions(scene(c.container, c.starts...), web, Bounds{Container: c.asked})
			var unknown *NoContainerError
			if errors.As(err, &unknown) != c.unknown || len(questions) != c.questions {
				t.Fatalf("%d questions, %v", len(questions), err)
			}
			if c.unknown && (unknown.Asked != c.asked || !slices.Equal(unknown.Known, []string{"app"})) {
				t.Errorf("%+v", unknown)
			}
		})
	}
}

// Of a port whose name is not declared the kubelet gets no verdict.
func TestNoVerdict(t *testing.T) {
	for name, want := range map[string]bool{"web": false, "wbe": true} {
		asks := get("/", func(p *corev1.Probe) { p.HTTPGet.Port = intstr.FromString(name) })
		report, err := Check(scene(corev1.Container{LivenessProbe: asks, Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}}), web, english(t))
		if err != nil || len(report.Probes) != 1 || report.Probes[0].NoVerdict != want {
			t.Errorf("port %s: %+v, %v", name, report.Probes, err)
		}
	}
}
