package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
)

// What the plan says of Pods is what the machine then does: rehearsed, its writes
// allow as many extra Pods as the plan reckons with, and end in the plan's steps.
func TestPlanIsWhatTheMachineDoes(t *testing.T) {
	for _, strategy := range []rollout.Strategy{rollout.Canary, rollout.BlueGreen} {
		for _, n := range []int{1, 2, 3, 10, 37} {
			for _, surge := range []int{1, 4} {
				t.Run(fmt.Sprintf("%s of %d with %d more", strategy, n, surge), func(t *testing.T) {
					holdPlanToMachine(t, strategy, n, surge)
				})
			}
		}
	}
}

func holdPlanToMachine(t *testing.T, strategy rollout.Strategy, n, surge int) {
	t.Helper()
	spec := rollout.Spec{Strategy: strategy, MaxSurge: surge}
	if strategy == rollout.Canary {
		spec.Steps = []rollout.Step{{Weight: 5}, {Weight: 25}, {Weight: 60}}
	}
	counts := fmt.Sprintf(`{"spec":{"replicas":%d},"status":{"replicas":%d,"updatedReplicas":%d,"readyReplicas":%d}}`, n, n, n, n)
	c := scene{Spec: spec, Change: map[string]json.RawMessage{"Deployment/web": json.RawMessage(counts)}}
	_, in := c.input(t)
	planned := c.report(t, lang.English).Plan

	mixes := mixesOf(t, rehearsed(t, in.State, n), n)
	extra, at := 0, 0
	for _, m := range mixes {
		extra = max(extra, m.Old+m.New-n)
		for at < len(planned.Steps)-1 && m == (rollout.Mix{Old: planned.Steps[at].Old, New: planned.Steps[at].New}) {
			at++ // several steps may come to the same
		}
	}
	if extra != planned.Capacity.ExtraPods {
		t.Errorf("the writes allow %d extra Pods, the plan says %d: %v", extra, planned.Capacity.ExtraPods, mixes)
	}
	last, end := planned.Steps[len(planned.Steps)-1], mixes[len(mixes)-1]
	if at < len(planned.Steps)-1 || end != (rollout.Mix{Old: last.Old, New: last.New}) {
		t.Errorf("the machine goes through %v, the plan says %+v", mixes, planned.Steps)
	}
}

func rehearsed(t *testing.T, s *rollout.State, n int) []rollout.Write {
	t.Helper()
	route, err := router.New(s.Spec.Via)
	if err != nil {
		t.Fatal(err)
	}
	m, err := rollout.NewMachine(s.Spec, route)
	if err != nil {
		t.Fatal(err)
	}
	s.Phase, s.OldHash, s.Replicas, s.Managed = rollout.Starting, "old", n, m.Objects(s.Spec)
	for i := range s.Managed {
		o := &s.Managed[i]
		o.UID, o.Original = o.Ref.Name, rollout.Fields{}
		if o.Ref.Kind == "Service" {
			o.Original[rollout.SelectorField] = json.RawMessage(`{"app":"web"}`)
		} else {
			o.Original[rollout.TemplateField] = json.RawMessage(`{"old":true}`)
			o.Original[rollout.StrategyField] = json.RawMessage(`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}`)
		}
		o.Current = maps.Clone(o.Original)
	}
	var services []rollout.ServiceView
	for _, name := range s.Spec.Services {
		services = append(services, rollout.ServiceView{Name: name, Selects: map[string]string{"app": "web"}})
	}
	writes, err := rollout.Rehearse(m, *s, rollout.NewIdeal(s, services...).World())
	if err != nil {
		t.Fatal(err)
	}
	return writes
}

// mixesOf are those that the controller comes to rest at under each write that holds the Deployment.
func mixesOf(t *testing.T, writes []rollout.Write, n int) []rollout.Mix {
	t.Helper()
	var out []rollout.Mix
	for _, w := range writes {
		if w.Why != rollout.PurposeStart && w.Why != rollout.PurposeMove {
			continue
		}
		for _, c := range w.Changes {
			if c.Path != rollout.StrategyField {
				continue
			}
			var s appsv1.DeploymentStrategy
			if err := json.Unmarshal(c.To, &s); err != nil {
				t.Fatal(err)
			}
			surge, err := intstr.GetScaledValueFromIntOrPercent(s.RollingUpdate.MaxSurge, n, true)
			if err != nil {
				t.Fatal(err)
			}
			unavailable, err := intstr.GetScaledValueFromIntOrPercent(s.RollingUpdate.MaxUnavailable, n, false)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, rollout.Mix{Old: n - unavailable, New: min(n, surge+unavailable)})
		}
	}
	return out
}
