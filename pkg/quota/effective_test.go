package quota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	helper "k8s.io/component-helpers/resource"
)

func parsePod(t testing.TB, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// What people get wrong: the numbers are those that Kubernetes gave (measured
// with its own libraries, v1.36.3).
func TestEffectiveRequests(t *testing.T) {
	const (
		sidecar = `{name: side, restartPolicy: Always, resources: {requests: {cpu: 200m}}}`
		starter = `{name: init, resources: {requests: {cpu: 600m}}}`
		app     = `{name: app, resources: {requests: {cpu: 500m}, limits: {cpu: 900m}}}`
	)
	for name, c := range map[string]struct {
		pod                                 string
		incoming, placed, charged, limited  string
		limitIncoming, limitOfWhatIsLimited string
	}{
		"a sidecar before an init container runs beside it": {
			`spec: {overhead: {cpu: 50m}, initContainers: [` + sidecar + `,` + starter + `], containers: [` + app + `]}`,
			"850m", "850m", "850m", "800m", "950m", "900m",
		},
		"one behind it does not": {
			`spec: {overhead: {cpu: 50m}, initContainers: [` + starter + `,` + sidecar + `], containers: [` + app + `]}`,
			"750m", "750m", "750m", "700m", "950m", "900m",
		},
		"a resize that is pending counts in full": {
			`{spec: {containers: [{name: app, resources: {requests: {cpu: 500m}}}]}, status: {containerStatuses: [{name: app, allocatedResources: {cpu: 800m}, resources: {requests: {cpu: 800m}}}]}}`,
			"500m", "800m", "800m", "500m", "0", "0",
		},
		"a resize that will not be done does not count": {
			`{spec: {containers: [{name: app, resources: {requests: {cpu: "4"}}}]}, status: {conditions: [{type: PodResizePending, reason: Infeasible}], containerStatuses: [{name: app, allocatedResources: {cpu: 800m}, resources: {requests: {cpu: 800m}}}]}}`,
			"4", "800m", "800m", "4", "0", "0",
		},
		"a resize that has to wait counts": {
			`{spec: {containers: [{name: app, resources: {requests: {cpu: "4"}}}]}, status: {conditions: [{type: PodResizePending, reason: Deferred}], containerStatuses: [{name: app, allocatedResources: {cpu: 800m}, resources: {requests: {cpu: 800m}}}]}}`,
			"4", "4", "4", "4", "0", "0",
		},
		"a pod that shrinks as a whole: the scheduler waits, the quota does not": {
			`{spec: {resources: {requests: {cpu: "1"}}, containers: [{name: app}]}, status: {resources: {requests: {cpu: "2"}}, allocatedResources: {cpu: "2"}}}`,
			"1", "2", "1", "1", "0", "0",
		},
		"what the pod asks for as a whole replaces the sum": {
			`spec: {overhead: {cpu: 50m}, resources: {requests: {cpu: "2"}, limits: {cpu: "3"}}, containers: [` + app + `,` + `{name: b, resources: {requests: {cpu: 700m}}}` + `]}`,
			"2050m", "2050m", "2050m", "2", "3050m", "3",
		},
		"an init container that was resized is not looked at, a sidecar is": {
			`{spec: {initContainers: [` + starter + `,` + sidecar + `], containers: [{name: app}]}, status: {initContainerStatuses: [{name: init, resources: {requests: {cpu: "9"}}}, {name: side, resources: {requests: {cpu: 700m}}}]}}`,
			"600m", "700m", "700m", "600m", "0", "0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := parsePod(t, c.pod)
			for basis, want := range map[Basis]string{Incoming: c.incoming, Placed: c.placed, Charged: c.charged, Limited: c.limited} {
				same(t, "requests, "+string(basis), Requests(pod, basis)[corev1.ResourceCPU], want)
			}
			same(t, "limits", Limits(pod, Incoming)[corev1.ResourceCPU], c.limitIncoming)
			same(t, "limits without overhead", Limits(pod, Limited)[corev1.ResourceCPU], c.limitOfWhatIsLimited)
		})
	}
}

func same(t *testing.T, what string, got resource.Quantity, want string) {
	t.Helper()
	if got.Cmp(resource.MustParse(want)) != 0 {
		t.Errorf("%s: %s, want %s", what, got.String(), want)
	}
}

// Huge pages of the pod as a whole count everywhere but for a LimitRange.
func TestEffectiveHugePages(t *testing.T) {
	pod := parsePod(t, `spec: {resources: {limits: {hugepages-2Mi: 8Mi}, requests: {hugepages-2Mi: 8Mi}}, containers: [{name: app, resources: {limits: {hugepages-2Mi: 4Mi}, requests: {hugepages-2Mi: 4Mi}}}]}`)
	same(t, "charged", Requests(pod, Charged)["hugepages-2Mi"], "8Mi")
	same(t, "limited", Requests(pod, Limited)["hugepages-2Mi"], "4Mi")
	same(t, "limits, limited", Limits(pod, Limited)["hugepages-2Mi"], "4Mi")
}

// For what is not being resized, the library that Kubernetes itself uses gives the same.
func TestEffectiveAgreesWithKubernetes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod := drawPod().Draw(t, "pod")
		if got, want := Requests(pod, Incoming), helper.PodRequests(pod, helper.PodResourcesOptions{}); !equal(got, want) {
			t.Fatalf("requests %v, want %v", got, want)
		}
		if got, want := Limits(pod, Incoming), helper.PodLimits(pod, helper.PodResourcesOptions{}); !equal(got, want) {
			t.Fatalf("limits %v, want %v", got, want)
		}
		if len(pod.Spec.Containers) > 1 || len(pod.Spec.InitContainers) > 0 {
			return // there the library of v1.37 takes the maxima over the pod
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name, AllocatedResources: drawList().Draw(t, "allocated"),
			Resources: &corev1.ResourceRequirements{Requests: drawList().Draw(t, "actual"), Limits: drawList().Draw(t, "actual limits")},
		}}
		o := helper.PodResourcesOptions{UseStatusResources: true}
		if got, want := Requests(pod, Charged), helper.PodRequests(pod, o); !equal(got, want) {
			t.Fatalf("charged %v, want %v", got, want)
		}
		if got, want := Limits(pod, Charged), helper.PodLimits(pod, o); !equal(got, want) {
			t.Fatalf("charged limits %v, want %v", got, want)
		}
	})
}

func drawList() *rapid.Generator[corev1.ResourceList] {
	return rapid.Custom(func(t *rapid.T) corev1.ResourceList {
		out := corev1.ResourceList{}
		for _, name := range []corev1.ResourceName{"cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "example.com/gpu"} {
			if rapid.IntRange(0, 2).Draw(t, "has "+string(name)) > 0 {
				out[name] = *resource.NewMilliQuantity(rapid.Int64Range(0, 5000).Draw(t, string(name)), resource.DecimalSI)
			}
		}
		return out
	})
}

func drawPod() *rapid.Generator[*corev1.Pod] {
	return rapid.Custom(func(t *rapid.T) *corev1.Pod {
		pod := &corev1.Pod{}
		container := func(name string) corev1.Container {
			return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: drawList().Draw(t, name+" requests"), Limits: drawList().Draw(t, name+" limits")}}
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "containers") {
			pod.Spec.Containers = append(pod.Spec.Containers, container("app-"+string(rune('a'+i))))
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "init containers") {
			c := container("init-" + string(rune('a'+i)))
			if rapid.Bool().Draw(t, "is a sidecar") {
				always := corev1.ContainerRestartPolicyAlways
				c.RestartPolicy = &always
			}
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
		}
		if rapid.Bool().Draw(t, "as a whole") {
			pod.Spec.Resources = &corev1.ResourceRequirements{Requests: drawList().Draw(t, "pod requests"), Limits: drawList().Draw(t, "pod limits")}
		}
		if rapid.Bool().Draw(t, "has overhead") {
			pod.Spec.Overhead = drawList().Draw(t, "overhead")
		}
		return pod
	})
}

func TestQoS(t *testing.T) {
	const both = `{cpu: 1, memory: 1Gi}`
	for pod, want := range map[string]corev1.PodQOSClass{
		`spec: {containers: [{name: a}]}`: corev1.PodQOSBestEffort,
		`spec: {containers: [{name: a, resources: {requests: {cpu: 0}, limits: {example.com/gpu: 1}}}]}`:                          corev1.PodQOSBestEffort,
		`spec: {containers: [{name: a, resources: {requests: ` + both + `, limits: ` + both + `}}]}`:                              corev1.PodQOSGuaranteed,
		`spec: {containers: [{name: a, resources: {requests: {cpu: 1}, limits: ` + both + `}}]}`:                                  corev1.PodQOSBurstable,
		`spec: {containers: [{name: a, resources: {requests: ` + both + `, limits: {cpu: 2, memory: 1Gi}}}]}`:                     corev1.PodQOSBurstable,
		`spec: {resources: {requests: ` + both + `, limits: ` + both + `}, containers: [{name: a}, {name: b}]}`:                   corev1.PodQOSGuaranteed,
		`spec: {resources: {requests: {cpu: 1}}, containers: [{name: a}]}`:                                                        corev1.PodQOSBurstable,
		`{spec: {containers: [{name: a}]}, status: {qosClass: Burstable}}`:                                                        corev1.PodQOSBurstable,
		`spec: {initContainers: [{name: i}], containers: [{name: a, resources: {requests: ` + both + `, limits: ` + both + `}}]}`: corev1.PodQOSBurstable,
	} {
		if got := QoS(parsePod(t, pod)); got != want {
			t.Errorf("%s: %s, want %s", pod, got, want)
		}
	}
}

// A resize that will not be done leaves the limits of the pod as a whole to the
// status, and to the spec where the status says nothing of limits.
func TestLimitsOfAnInfeasibleResize(t *testing.T) {
	pod := parse[corev1.Pod](t, `{spec: {resources: {limits: {cpu: 2}}, containers: [{name: app}]}, status: {resources: {requests: {cpu: 1}}, conditions: [{type: PodResizePending, status: "True", reason: Infeasible}]}}`)
	if got := Limits(pod, Placed)["cpu"]; got.String() != "2" {
		t.Errorf("%s", got.String())
	}
	pod.Status.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1500m")}
	if got := Limits(pod, Placed)["cpu"]; got.String() != "1500m" {
		t.Errorf("%s", got.String())
	}
}
