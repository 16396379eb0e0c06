package router

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// The conformance test is worth something only if a router that breaks a rule
// does not pass it. Each of these breaks one.

func viaOf(s string) rollout.Via { return rollout.Via(s) }

// broken is a service router with parts exchanged.
type broken struct {
	service
	reach   func(rollout.Weight, rollout.Mix) rollout.Weight
	set     func(*rollout.State, *rollout.World, rollout.Weight) *rollout.Write
	verify  func(*rollout.State, *rollout.World, rollout.Weight) rollout.Verification
	restore func(*rollout.State, *rollout.World) *rollout.Write
	seen    func(*rollout.State, *rollout.World) rollout.Weight
}

func (b broken) Reach(asked rollout.Weight, m rollout.Mix) rollout.Weight {
	if b.reach != nil {
		return b.reach(asked, m)
	}
	return b.service.Reach(asked, m)
}

func (b broken) Set(s *rollout.State, w *rollout.World, weight rollout.Weight) *rollout.Write {
	if b.set != nil {
		return b.set(s, w, weight)
	}
	return b.service.Set(s, w, weight)
}

func (b broken) Verify(s *rollout.State, w *rollout.World, weight rollout.Weight) rollout.Verification {
	if b.verify != nil {
		return b.verify(s, w, weight)
	}
	return b.service.Verify(s, w, weight)
}

func (b broken) Restore(s *rollout.State, w *rollout.World) *rollout.Write {
	if b.restore != nil {
		return b.restore(s, w)
	}
	return b.service.Restore(s, w)
}

func (b broken) Observed(s *rollout.State, w *rollout.World) rollout.Weight {
	if b.seen != nil {
		return b.seen(s, w)
	}
	return b.service.Observed(s, w)
}

// edited is the service router whose writes are changed.
func edited(change func(*rollout.State, *rollout.Write)) broken {
	return broken{set: func(s *rollout.State, w *rollout.World, weight rollout.Weight) *rollout.Write {
		write := service{}.Set(s, w, weight)
		if write != nil {
			change(s, write)
		}
		return write
	}}
}

// hasty flips without asking whether the version can carry the traffic.
func hasty(s *rollout.State, w *rollout.World, weight rollout.Weight) *rollout.Write {
	generous := *w
	generous.Old.Ready, generous.New.Ready = 9, 9
	return service{}.Set(s, &generous, weight)
}

// first keeps the first complaint and ends the test with it.
type first struct{ said string }

func (*first) Helper() {}
func (f *first) Errorf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func complaint(r rollout.TrafficRouter, fix Fixture) string {
	var f first
	done := make(chan struct{})
	go func() {
		defer close(done)
		Conformance(&f, r, fix)
	}()
	<-done
	return f.said
}

func TestConformanceRefusesRoutersThatDoNot(t *testing.T) {
	answers := 0
	for name, r := range map[string]rollout.TrafficRouter{
		"flips before the version can carry it": broken{set: hasty},
		"writes to a field that is not its own": edited(func(_ *rollout.State, w *rollout.Write) { w.Changes[0].Path = "/spec/type" }),
		"writes to an object that is not its own": edited(func(_ *rollout.State, w *rollout.Write) {
			w.Object.Name = "other"
		}),
		"does not say what it saw": edited(func(_ *rollout.State, w *rollout.Write) { w.Changes[0].From = nil }),
		"says what was there at first": edited(func(s *rollout.State, w *rollout.Write) {
			w.Changes[0].From = s.Managed[0].Original[rollout.SelectorField]
		}),
		"names no object":               edited(func(_ *rollout.State, w *rollout.Write) { w.UID = "" }),
		"wants a generation":            edited(func(_ *rollout.State, w *rollout.Write) { w.Generation = 7 }),
		"pins to a version that is not": edited(func(_ *rollout.State, w *rollout.Write) { w.Changes[0].To = []byte(`{"app":"wbe"}`) }),
		"never stops": edited(func(s *rollout.State, w *rollout.Write) {
			answers++
			w.Changes[0].To = fmt.Appendf(nil, `{"app":"web","n":"%d"}`, answers)
		}),
		"goes where less was asked for":  broken{reach: func(a rollout.Weight, _ rollout.Mix) rollout.Weight { return rollout.All - a }},
		"goes beyond all":                broken{reach: func(a rollout.Weight, _ rollout.Mix) rollout.Weight { return a + 1 }},
		"promises what no Pod can carry": broken{reach: func(a rollout.Weight, _ rollout.Mix) rollout.Weight { return a }},
		"says done at once": broken{verify: func(*rollout.State, *rollout.World, rollout.Weight) rollout.Verification {
			return rollout.Verification{Level: rollout.InEndpoints}
		}},
		"says done when it is written": broken{verify: func(s *rollout.State, w *rollout.World, weight rollout.Weight) rollout.Verification {
			v := service{}.Verify(s, w, weight)
			if v.Level == rollout.Written {
				return rollout.Verification{Level: rollout.InEndpoints}
			}
			return v
		}},
		"waits in silence": broken{verify: func(s *rollout.State, w *rollout.World, weight rollout.Weight) rollout.Verification {
			v := service{}.Verify(s, w, weight)
			v.Waits = ""
			return v
		}},
		"restores nothing": broken{restore: func(*rollout.State, *rollout.World) *rollout.Write { return nil }},
		"restores what means the same": broken{restore: func(s *rollout.State, w *rollout.World) *rollout.Write {
			write := service{}.Restore(s, w)
			if write != nil {
				write.Changes[0].To = []byte(`{"app":"web"}`)
			}
			return write
		}},
		"forgets the preview": broken{restore: func(s *rollout.State, w *rollout.World) *rollout.Write {
			without := *s
			without.Spec.Preview = ""
			return service{}.Restore(&without, w)
		}},
		"forgets the second Service": broken{set: func(s *rollout.State, w *rollout.World, weight rollout.Weight) *rollout.Write {
			without := *s
			without.Spec.Services = slices.Clone(s.Spec.Services[:1])
			return service{}.Set(&without, w, weight)
		}},
		"sees what was asked for": broken{seen: func(*rollout.State, *rollout.World) rollout.Weight { return 50 }},
	} {
		t.Run(name, func(t *testing.T) {
			said := complaint(r, fixtureFor(rollout.ViaService, "Deployment"))
			if said == "" {
				t.Fatal("it conforms")
			}
			t.Log(said)
		})
	}
}
