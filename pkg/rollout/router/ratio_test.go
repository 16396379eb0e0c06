package router

import (
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func ratioStage(p pods, services ...string) *stage {
	fix := fixtureFor(rollout.ViaRatio, "Deployment")
	fix.Spec.Services = services
	st := newStage(ratio{}, fix)
	st.pods = p
	st.settle()
	return st
}

func TestRatioVerify(t *testing.T) {
	for name, c := range map[string]struct {
		mix    pods
		shown  []rollout.ServiceView // nil: as the Pods are
		weight rollout.Weight
		want   rollout.Verification
	}{
		"there":         {pods{2, 1, 0}, nil, 33, rollout.Verification{Level: rollout.InEndpoints}},
		"one missing":   {pods{2, 3, 0}, view(map[string]int{oldHash: 2, newHash: 2}), 50, rollout.Verification{Level: rollout.Written, Waits: "service/web shows 2 of 3 ready new Pods"}},
		"one left":      {pods{2, 3, 0}, view(map[string]int{oldHash: 3, newHash: 3}), 50, rollout.Verification{Level: rollout.Written, Waits: "service/web still shows 3 old Pods, of which 2 are ready"}},
		"unseen":        {pods{2, 1, 0}, []rollout.ServiceView{}, 33, rollout.Verification{Level: rollout.Written, Waits: "service/web does not exist any more"}},
		"others behind": {pods{2, 1, 4}, nil, 33, rollout.Verification{Level: rollout.InEndpoints}},
		"no new Pod":    {pods{3, 0, 0}, nil, 33, rollout.Verification{Level: rollout.Unwritten, Waits: "no new Pod is ready"}},
		"all":           {pods{0, 3, 0}, nil, 100, rollout.Verification{Level: rollout.InEndpoints}},
		"not all":       {pods{1, 3, 0}, nil, 100, rollout.Verification{Level: rollout.Unwritten, Waits: "1 old Pod still to end"}},
		"nothing":       {pods{3, 0, 0}, nil, 0, rollout.Verification{Level: rollout.InEndpoints}},
		"not nothing":   {pods{3, 2, 0}, nil, 0, rollout.Verification{Level: rollout.Unwritten, Waits: "2 new Pods still to end"}},
		// The way back must not wait for a Service that somebody has spoilt meanwhile.
		"nothing, endpoints lag": {pods{3, 0, 0}, view(map[string]int{oldHash: 1}), 0, rollout.Verification{Level: rollout.Unwritten, Waits: "service/web shows 1 of 3 ready old Pods"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := ratioStage(c.mix, "web")
			if c.shown != nil {
				st.shown = c.shown
			}
			if got := (ratio{}).Verify(&st.state, st.world(), c.weight); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRatioLooksAtEveryService(t *testing.T) {
	st := ratioStage(pods{2, 1, 0}, "web", "web-admin")
	st.shown = append(view(map[string]int{oldHash: 2, newHash: 1}), rollout.ServiceView{Name: "web-admin", Ready: map[string]int{oldHash: 2}})
	if v := (ratio{}).Verify(&st.state, st.world(), 33); v.Waits != "service/web-admin shows 0 of 1 ready new Pods" {
		t.Errorf("the second Service lags: %+v", v)
	}
	if got := (ratio{}).Observed(&st.state, st.world()).String(); got != "33.3" {
		t.Errorf("observed %s, want the first Service's 33.3", got)
	}
}

func TestObserved(t *testing.T) {
	for name, c := range map[string]struct {
		mix      pods
		services []string
		change   func(*stage, *rollout.World)
		want     string
	}{
		"by endpoints":             {pods{9, 1, 0}, []string{"web"}, nil, "10"},
		"endpoints, not Pods":      {pods{1, 1, 0}, []string{"web"}, func(_ *stage, w *rollout.World) { w.New.Ready = 9 }, "50"},
		"others take their part":   {pods{2, 1, 1}, []string{"web"}, nil, "25"},
		"by Pods":                  {pods{3, 1, 0}, nil, nil, "25"},
		"by Pods of all versions":  {pods{3, 1, 0}, nil, func(_ *stage, w *rollout.World) { w.Others = []rollout.Version{{Ready: 4}} }, "12.5"},
		"nobody":                   {pods{}, []string{"web"}, nil, "0"},
		"a Service that is gone":   {pods{1, 1, 0}, []string{"web"}, func(_ *stage, w *rollout.World) { w.Services = nil }, "0"},
		"before the hash is known": {pods{2, 0, 2}, []string{"web"}, func(st *stage, _ *rollout.World) { st.state.NewHash = "" }, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			st := ratioStage(c.mix, c.services...)
			w := st.world()
			if c.change != nil {
				c.change(st, w)
			}
			if got := (ratio{}).Observed(&st.state, w).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
