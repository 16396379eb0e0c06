package probe

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestEffectiveValues(t *testing.T) {
	grace := int64(7)
	five := 7
	for name, c := range map[string]struct {
		in   corev1.Probe
		want Values
	}{
		"nothing written": {corev1.Probe{}, Values{0, 10, 1, 1, 3, nil, []Field{InitialDelay, Period, Timeout, SuccessThreshold, FailureThreshold}}},
		"all written": {
			corev1.Probe{InitialDelaySeconds: 5, PeriodSeconds: 3, TimeoutSeconds: 2, SuccessThreshold: 2, FailureThreshold: 4, TerminationGracePeriodSeconds: &grace},
			Values{5, 3, 2, 2, 4, &five, []Field{}},
		},
		"the default written": {
			corev1.Probe{InitialDelaySeconds: 1, PeriodSeconds: 10, TimeoutSeconds: 5, SuccessThreshold: 3, FailureThreshold: 1},
			Values{1, 10, 5, 3, 1, nil, []Field{Period}},
		},
	} {
		if diff := cmp.Diff(c.want, Effective(&c.in)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Seen of the real kubelet: period 2, threshold 3 and always 500 acted between
// 4.1 s and 5.9 s after the start; with a hang of 1 s after 6.95 s; period 1 with a timeout
// of 3 that was used up, after 9.2 s.
func TestSpansHoldWhatWasSeen(t *testing.T) {
	v := Values{PeriodSeconds: 2, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1}
	if got := v.FromStart(); got != (Span{4, 7}) {
		t.Errorf("%+v", got)
	}
	slow := Values{PeriodSeconds: 1, TimeoutSeconds: 3, FailureThreshold: 3, SuccessThreshold: 1}
	if got := slow.FromStart(); got.Earliest > 9 || got.Latest < 10 {
		t.Errorf("%+v does not hold 9.2 s", got)
	}
	defaults := Effective(&corev1.Probe{InitialDelaySeconds: 15})
	if first, act := defaults.FirstRun(), defaults.FromStart(); first != (Span{15, 25}) || act != (Span{35, 46}) {
		t.Errorf("first run %+v, acts %+v", first, act)
	}
}

// within says whether something at so many milliseconds lies in the span.
func within(s Span, ms int) bool { return ms >= s.Earliest*1000 && ms <= s.Latest*1000 }

const simulations = 20000

// A container that never passes, on a pod whose worker has looped for a while:
// first instance, or after an instance of which a run may still hang.
func TestFromStartHoldsTheKubelet(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	acted := map[Type]int{}
	for range simulations {
		kind := []Type{Startup, Liveness}[r.Intn(2)]
		v := anyValues(r, kind)
		born := 100_000 + r.Intn(200_000)
		life := instance{started: born, known: born + r.Intn(2000)}
		lives := []instance{life}
		if r.Intn(2) == 0 { // another instance before, which passed and then crashed
			lives = []instance{{started: 1000, known: 1500, ended: born - r.Intn(20)}, life}
		}
		l := &loop{v: v, kind: kind, phase: r.Intn(v.PeriodSeconds*1000) + 1}
		l.run = func(now int) (bool, int) { return now < born, duration(r, v) }
		l.live(lives, born+(v.FromStart().Latest+10)*1000)
		first, act := firstAfter(l.runs, life.known), firstAfter(l.acts, life.known)
		if first < 0 || act < 0 {
			t.Fatalf("%+v: never asked or never acted", v)
		}
		acted[kind]++
		// The span counts from startedAt; where no initial delay hides it, the kubelet is late by what it knows late.
		late := max(0, life.known-life.reported()-v.InitialDelaySeconds*1000)
		for _, c := range []struct {
			what string
			span Span
			at   int
		}{{"first run", v.FirstRun(), first}, {"act", v.FromStart(), act}} {
			after := c.at - life.reported()
			if after < c.span.Earliest*1000 || after-late > c.span.Latest*1000 {
				t.Fatalf("%+v: %s at %d ms, predicted %+v s (known %d ms after startedAt)", v, c.what, after, c.span, life.known-life.reported())
			}
		}
	}
	if acted[Startup] < simulations/4 || acted[Liveness] < simulations/4 {
		t.Errorf("acted %v", acted)
	}
}

// A container that passed for a while and then fails, until the probe acts.
func TestFailingHoldsTheKubelet(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for range simulations {
		kind := []Type{Readiness, Liveness}[r.Intn(2)]
		v := anyValues(r, kind)
		life := instance{started: 5000, known: 5000 + r.Intn(2000)}
		if r.Intn(3) == 0 {
			life.startupPassed = life.known + r.Intn(100_000)
		}
		onset := 250_000 + 1000*v.InitialDelaySeconds + r.Intn(300_000)
		l := &loop{v: v, kind: kind, phase: r.Intn(v.PeriodSeconds*1000) + 1, sync: 3000 + r.Intn(60_000)}
		l.run = func(now int) (bool, int) { return now < onset, duration(r, v) }
		l.live([]instance{life}, onset+(v.Failing().Latest+10)*1000)
		act := firstAfter(l.acts, onset)
		if act < 0 || !within(v.Failing(), act-onset) {
			t.Fatalf("%s %+v: acts %d ms after the onset, predicted %+v", kind, v, act-onset, v.Failing())
		}
	}
}

// A container that failed and then passes, until readiness or startup says so.
func TestPassingHoldsTheKubelet(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range simulations {
		kind := []Type{Readiness, Startup}[r.Intn(2)]
		v := anyValues(r, kind)
		if kind == Startup {
			v.FailureThreshold = 1000 // it does not give up here
		}
		life := instance{started: 5000, known: 5000 + r.Intn(2000)}
		onset := 100_000 + 1000*v.InitialDelaySeconds + r.Intn(100_000)
		l := &loop{v: v, kind: kind, phase: r.Intn(v.PeriodSeconds*1000) + 1, sync: 3000 + r.Intn(60_000)}
		l.run = func(now int) (bool, int) { return now >= onset, duration(r, v) }
		l.live([]instance{life}, onset+(v.Passing().Latest+10)*1000)
		passed := firstAfter(l.passed, onset)
		if passed < 0 || !within(v.Passing(), passed-onset) {
			t.Fatalf("%s %+v: passed %d ms after the onset, predicted %+v", kind, v, passed-onset, v.Passing())
		}
	}
}

// The bounds are worth having only where the kubelet comes near them.
func TestSpansAreTight(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	for _, v := range []Values{
		{PeriodSeconds: 10, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1},
		{PeriodSeconds: 5, TimeoutSeconds: 5, FailureThreshold: 2, SuccessThreshold: 1, InitialDelaySeconds: 20},
		{PeriodSeconds: 1, TimeoutSeconds: 3, FailureThreshold: 3, SuccessThreshold: 1},
	} {
		earliest, latest := forever, 0
		for range simulations {
			onset := 200_000 + r.Intn(20_000)
			hang := r.Intn(2) == 0
			l := &loop{v: v, kind: Liveness, phase: r.Intn(v.PeriodSeconds*1000) + 1}
			l.run = func(now int) (bool, int) {
				if now < onset {
					return true, duration(r, v)
				}
				if hang {
					return false, v.TimeoutSeconds * 1000
				}
				return false, 0
			}
			l.live([]instance{{started: 1000, known: 1000}}, onset+100_000)
			act := firstAfter(l.acts, onset) - onset
			earliest, latest = min(earliest, act), max(latest, act)
		}
		if s := v.Failing(); earliest > s.Earliest*1000+300 || latest < s.Latest*1000-300 {
			t.Errorf("%+v: seen %d to %d ms, predicted %+v s", v, earliest, latest, s)
		}
	}
}

// The kubelet does not forget failures of an instance that ended by itself: the
// guarantee of FromStart is for a container without such a past.
func TestFailuresOutliveACrash(t *testing.T) {
	v := Values{PeriodSeconds: 10, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1}
	l := &loop{v: v, kind: Startup, phase: 1, run: func(int) (bool, int) { return false, 0 }}
	l.live([]instance{{started: 1000, known: 1000, ended: 22_000}, {started: 25_000, known: 25_000}}, 60_000)
	if len(l.acts) == 0 || l.acts[0] != 30_001 {
		t.Errorf("acts at %v: two failures before the crash and one after make three", l.acts)
	}
}

func firstAfter(times []int, moment int) int {
	for _, at := range times {
		if at >= moment {
			return at
		}
	}
	return -1
}

func TestNumbersWithoutBoundStayWithinBounds(t *testing.T) {
	v := Values{InitialDelaySeconds: forever, PeriodSeconds: forever, TimeoutSeconds: forever, FailureThreshold: forever, SuccessThreshold: forever}
	for name, s := range map[string]Span{"first": v.FirstRun(), "start": v.FromStart(), "failing": v.Failing(), "passing": v.Passing(), "twice": v.FromStart().plus(v.FromStart())} {
		if s.Earliest < 0 || s.Latest < s.Earliest {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestStopping(t *testing.T) {
	seconds := func(n int) *int { return &n }
	for _, c := range []struct {
		grace int
		hook  Hook
		want  Span
	}{
		{30, Hook{}, Span{0, 30}},
		{0, Hook{}, Span{0, 2}},
		{1, Hook{}, Span{0, 2}},
		{30, Hook{Present: true, Seconds: seconds(5)}, Span{5, 30}},
		{30, Hook{Present: true, Seconds: seconds(29)}, Span{29, 31}},
		{30, Hook{Present: true, Seconds: seconds(60)}, Span{30, 32}},
		{30, Hook{Present: true}, Span{0, 32}},
		{0, Hook{Present: true, Seconds: seconds(5)}, Span{0, 2}},
	} {
		if got := stopping(c.grace, c.hook); got != c.want {
			t.Errorf("grace %d, hook %+v: %+v, want %+v", c.grace, c.hook, got, c.want)
		}
	}
}

func TestPreStop(t *testing.T) {
	hook := func(h corev1.LifecycleHandler) *corev1.Container {
		return &corev1.Container{Lifecycle: &corev1.Lifecycle{PreStop: &h}}
	}
	command := func(words ...string) *corev1.Container {
		return hook(corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: words}})
	}
	for _, c := range []struct {
		container *corev1.Container
		want      string
	}{
		{&corev1.Container{}, "none"},
		{&corev1.Container{Lifecycle: &corev1.Lifecycle{}}, "none"},
		{hook(corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 9}}), "9"},
		{command("sleep", "15"), "15"},
		{command("/bin/sleep", "15s"), "15"},
		{command("/bin/sh", "-c", "sleep 20"), "20"},
		{command("sh", "-c", "sleep 20 && nginx -s quit"), "unknown"},
		{command("sh", "-c", "curl localhost/quit; sleep 5"), "unknown"},
		{command("/stop.sh"), "unknown"},
		{hook(corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{}}), "unknown"},
	} {
		h, got := PreStop(c.container), "none"
		if h.Present {
			got = "unknown"
		}
		if h.Seconds != nil {
			got = fmt.Sprint(*h.Seconds)
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.container.Lifecycle, got, c.want)
		}
	}
}

// backoffs is the kubelet's bookkeeping (client-go, util/flowcontrol/backoff.go,
// and kuberuntime_manager.go, doBackOff) for a container that a probe ends again
// and again, each time so many seconds after its start.
func backoffs(lived, kills int) []int {
	var waits []int
	now, ends := 0, []int{}
	entry, updated := 0, 0
	for range kills {
		now += lived
		start := now
		if len(ends) > 0 { // the instance before the one that was just ended has left its remains
			since := ends[len(ends)-1]
			if now-updated > 600 { // collected with the garbage
				entry = 0
			}
			if entry > 0 && now-since < entry {
				start = now + entry // from the next sync on it is the newest end that counts
				since = now
			}
			if entry == 0 || since-updated > 600 {
				entry = 10
			} else {
				entry = min(2*entry, 300)
			}
			updated = start
		}
		ends = append(ends, now)
		waits = append(waits, start-now)
		now = start
	}
	return waits
}

func TestBackoff(t *testing.T) {
	for _, lived := range []int{3, 9, 10, 25, 61, 159, 160, 299, 300, 450, 600, 601, 5000} {
		if diff := cmp.Diff(backoffs(lived, 20), backoff(lived, 20)); diff != "" {
			t.Errorf("lived %d (-kubelet +predicted): %s", lived, diff)
		}
	}
	for lived, want := range map[int][2]int{3: {300, 2}, 25: {300, 4}, 61: {300, 5}, 299: {300, 7}, 300: {0, manyKills}, 5000: {0, manyKills}} {
		if longest, atOnce := worstBackoff(lived); longest != want[0] || atOnce != want[1] {
			t.Errorf("lived %d: longest %d, %d at once, want %v", lived, longest, atOnce, want)
		}
	}
}

// Numbers that no API server takes do not keep anybody waiting, nor do huge ones.
func TestPatienceIsFoundAtOnce(t *testing.T) {
	of := func(live, ready corev1.Probe) container {
		return container{spec: &corev1.Container{LivenessProbe: &live, ReadinessProbe: &ready}}
	}
	for _, c := range []struct {
		name        string
		live, ready corev1.Probe
		want        int
	}{
		{"the defaults", corev1.Probe{}, corev1.Probe{}, 5},
		{"patient as it is", corev1.Probe{FailureThreshold: 9}, corev1.Probe{}, 9},
		{"runs that overtake", corev1.Probe{TimeoutSeconds: 20}, corev1.Probe{}, 6},
		{"refused numbers", corev1.Probe{PeriodSeconds: -4}, corev1.Probe{PeriodSeconds: -1, TimeoutSeconds: -3}, 5},
		{"a period of a lifetime", corev1.Probe{PeriodSeconds: 1}, corev1.Probe{PeriodSeconds: forever}, forever},
	} {
		k := of(c.live, c.ready)
		if got := patience(k); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		v := k.values(Liveness)
		v.FailureThreshold = patience(k)
		if c.want < forever && v.Failing().Earliest < k.values(Readiness).Failing().Latest {
			t.Errorf("%s: liveness still acts first", c.name)
		}
	}
}
