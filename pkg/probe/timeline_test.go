package probe

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// nowhere asks a port whose name nobody declares.
func nowhere(p *corev1.Probe) { p.HTTPGet.Port = intstr.FromString("htp") }

func TestTimeline(t *testing.T) {
	startup := get("/live", func(p *corev1.Probe) { p.PeriodSeconds, p.FailureThreshold = 5, 13 })
	grace := int64(10)
	startup.TerminationGracePeriodSeconds = &grace
	for name, c := range map[string]struct {
		container corev1.Container
		want      []Bar
	}{
		"all three": {
			corev1.Container{StartupProbe: startup, ReadinessProbe: get("/ready", func(p *corev1.Probe) { p.PeriodSeconds = 2 }), LivenessProbe: get("/live", nil)},
			[]Bar{
				{Up, NotReady, Span{}, Span{0, 6 + 3}},
				{Never, Untouched, Span{}, Span{60, 66}},
				{Never, Stopping, Span{60, 66}, Span{60, 76}},
				{Never, BackingOff, Span{60, 76}, Span{360, 376}},
				{Fails, InTraffic, Span{}, Span{4, 7}},
				{Fails, Undecided, Span{}, Span{20, 31}},
				{Fails, Stopping, Span{20, 31}, Span{20, 61}},
				{Fails, BackingOff, Span{20, 61}, Span{320, 361}},
			},
		},
		"readiness alone": {
			corev1.Container{ReadinessProbe: get("/ready", func(p *corev1.Probe) { p.InitialDelaySeconds = 5 })},
			[]Bar{{Up, NotReady, Span{}, Span{5, 16}}, {Fails, InTraffic, Span{}, Span{20, 31}}},
		},
		"a liveness probe whose port does not resolve ends nothing": {
			corev1.Container{ReadinessProbe: get("/ready", nil), LivenessProbe: get("/live", nowhere)},
			[]Bar{{Up, NotReady, Span{}, Span{0, 11}}, {Fails, InTraffic, Span{}, Span{20, 31}}},
		},
		"nor does it alone": {corev1.Container{LivenessProbe: get("/live", nowhere)}, []Bar{}},
		"with such a startup probe it is never ready, and never ended": {
			corev1.Container{StartupProbe: get("/live", nowhere), ReadinessProbe: get("/ready", nil), LivenessProbe: get("/live", nil)}, []Bar{},
		},
		"liveness alone, slow enough to be spared the back-off": {
			corev1.Container{LivenessProbe: get("/live", func(p *corev1.Probe) { p.InitialDelaySeconds = 300 })},
			[]Bar{
				{Never, Untouched, Span{}, Span{320, 331}}, {Never, Stopping, Span{320, 331}, Span{320, 361}},
				{Fails, InTraffic, Span{}, Span{20, 61}}, {Fails, Undecided, Span{}, Span{20, 31}}, {Fails, Stopping, Span{20, 31}, Span{20, 61}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := english(t)
			o.Timeline = true
			report, err := Check(scene(c.container), web, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, report.Timeline.Bars); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimelineWantsOneContainer(t *testing.T) {
	o := english(t)
	o.Timeline = true
	var which *ContainerError
	if _, err := Check(scene(corev1.Container{}), web, o); !errors.As(err, &which) || len(which.Containers) != 0 {
		t.Errorf("no container with probes: %v", err)
	}
	o.Container = "proxy"
	if _, err := Check(scene(corev1.Container{LivenessProbe: get("/", nil)}), web, o); !errors.As(err, &which) || which.Asked != "proxy" || len(which.Containers) != 1 {
		t.Errorf("another container: %v", err)
	}
}
