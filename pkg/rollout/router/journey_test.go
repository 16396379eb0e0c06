package router_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
)

// A journey is a whole rollout in memory, in which the driver dies at any moment,
// writes are lost or done without an answer, people ask for
// things, and the number of replicas changes. However it goes, it ends, in
// everything new or in everything as it was, and the Service is never empty.
type journey struct {
	t       *testing.T
	r       *rand.Rand
	machine *rollout.Machine
	ideal   *rollout.Ideal
	// written is what the journal holds; a driver that dies goes on from there.
	state, written rollout.State
	allowed        map[rollout.Ref][]rollout.Pointer
	calm           bool
}

func TestEveryJourneyEnds(t *testing.T) {
	ends := map[rollout.Phase]int{}
	for seed := range journeys() {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			j := newJourney(t, rand.New(rand.NewPCG(seed, 1)))
			ends[j.run()]++
		})
		if !ok {
			break
		}
	}
	t.Logf("%v", ends)
	if ends[rollout.Promoted] < 50 || ends[rollout.Aborted] < 50 {
		t.Errorf("the journeys are one-sided: %v", ends)
	}
}

// journeys are how many to make.
func journeys() uint64 {
	if testing.Short() {
		return 400
	}
	return 2000
}

func newJourney(t *testing.T, r *rand.Rand) *journey {
	web := rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	spec := rollout.Spec{
		Workload: web, Strategy: rollout.Canary, Via: rollout.ViaRatio, Services: []string{"web"}, OnFail: rollout.Rollback,
		Timeout: rollout.Duration(time.Minute), MaxSurge: 1 + r.IntN(3), Keep: rollout.Duration(time.Duration(r.IntN(20)) * time.Second),
		Steps: []rollout.Step{{Weight: 20}, {Weight: 50, Pause: rollout.Pause{For: rollout.Duration(3 * time.Second)}}, {Weight: 100}},
	}
	if r.IntN(2) == 0 {
		spec.Strategy, spec.Via = rollout.BlueGreen, rollout.ViaService
		spec.Steps = []rollout.Step{{Weight: 0, Pause: rollout.Pause{Manual: r.IntN(2) == 0}}, {Weight: 100}}
		if r.IntN(2) == 0 {
			spec.Preview = "web-preview"
		}
	}
	if r.IntN(3) == 0 {
		spec.Workload.Kind = []string{"StatefulSet", "DaemonSet"}[r.IntN(2)]
		spec.Strategy, spec.Via, spec.Preview = rollout.Canary, rollout.ViaRatio, ""
		spec.Steps = []rollout.Step{{Weight: 20}, {Weight: 100}}
	}
	route, err := router.New(spec.Via)
	if err != nil {
		t.Fatal(err)
	}
	m, err := rollout.NewMachine(spec, route)
	if err != nil {
		t.Fatal(err)
	}
	s := rollout.State{
		ID: "j", Spec: spec, Phase: rollout.Starting, OldHash: "aaa", Replicas: 1 + r.IntN(12),
		Template: json.RawMessage(`{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:v2"}]}}`),
	}
	j := &journey{t: t, r: r, machine: m, allowed: map[rollout.Ref][]rollout.Pointer{}}
	originals := map[rollout.Pointer]string{
		rollout.TemplateField:       `{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:v1"}]}}`,
		rollout.StrategyField:       `{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}`,
		rollout.UpdateStrategyField: `{"type":"RollingUpdate"}`,
		rollout.SelectorField:       `{"app":"web"}`,
		rollout.DeadlineField:       `600`,
	}
	for i, o := range m.Objects(spec) {
		o.UID, o.Original, o.Current = fmt.Sprintf("u%d", i), rollout.Fields{}, rollout.Fields{}
		for _, p := range o.Paths {
			if value, ok := originals[p]; ok {
				o.Original[p], o.Current[p] = json.RawMessage(value), json.RawMessage(value)
			}
		}
		j.allowed[o.Ref] = append(slices.Clone(o.Paths), rollout.MarkField)
		s.Managed = append(s.Managed, o)
	}
	j.state, j.written = s, s
	j.ideal = rollout.NewIdeal(&s, rollout.ServiceView{Name: "web"}, rollout.ServiceView{Name: "web-preview"})
	return j
}

func (j *journey) run() rollout.Phase {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for turn := range 3000 {
		j.calm = turn > 500 // storms end
		now = now.Add(time.Second)
		w := j.ideal.World()
		w.At = now
		j.served(w)
		if turn%50 == 49 {
			j.ask(rollout.AskPromote)
		}
		if j.storm(20) {
			j.ask([]rollout.Ask{rollout.AskAbort, rollout.AskPause, rollout.AskResume, rollout.AskFull, rollout.AskPromote}[j.r.IntN(5)])
		}
		next, action := j.machine.Next(j.state, rollout.Observed{World: w})
		if action.Drift != nil {
			j.t.Fatalf("turn %d, %s: own write taken for another's: %v\nintent %+v", turn, next.Phase, action.Drift, next.Intent)
		}
		for _, e := range action.Events {
			if e.Reachable < 0 || e.Reachable > rollout.All || e.Observed < 0 || e.Observed > rollout.All {
				j.t.Fatalf("weights out of bounds: %+v", e)
			}
		}
		if j.state = next; action.Write != nil || len(action.Events) > 0 {
			j.written = next
		}
		if action.Write != nil {
			j.write(*action.Write)
		}
		if j.storm(5) { // the driver dies
			j.state = j.written
		}
		if j.state.Phase.Over() {
			j.ended()
			return j.state.Phase
		}
	}
	j.t.Fatalf("no end: %s, step %d, waiting %q, reason %+v", j.state.Phase, j.state.Step, j.state.Waiting, j.state.Reason)
	return ""
}

func (j *journey) storm(oneIn int) bool { return !j.calm && j.r.IntN(oneIn) == 0 }

func (j *journey) ask(what rollout.Ask) {
	next, _ := j.machine.Next(j.state, rollout.Asked{Request: rollout.Request{Do: what, By: "kim"}})
	j.state, j.written = next, next
}

func (j *journey) write(w rollout.Write) {
	for _, c := range w.Changes {
		if !slices.Contains(j.allowed[w.Object], c.Path) {
			j.t.Fatalf("%s of %s is not the rollout's to write", c.Path, w.Object)
		}
	}
	switch {
	case j.storm(3): // lost
	default:
		var conflict *rollout.ConflictError
		if err := j.ideal.Apply(w); err != nil && !errors.As(err, &conflict) {
			j.t.Fatal(err)
		}
	}
}

// served holds the Service to having ready endpoints: as many as the workload has replicas.
func (j *journey) served(w *rollout.World) {
	n := 0
	for _, ready := range w.Services[0].Ready {
		n += ready
	}
	if n < w.Workload.Replicas {
		j.t.Fatalf("%s: the Service has %d ready endpoints of %d replicas: %+v", j.state.Phase, n, w.Workload.Replicas, w.Services[0])
	}
}

func (j *journey) ended() { j.endedAs(j.ideal.World()) }

func (j *journey) endedAs(w *rollout.World) {
	for _, o := range j.state.Managed {
		live := w.Live[o.Ref]
		if live.Marked {
			j.t.Errorf("%s still carries the mark", o.Ref)
		}
		for _, p := range o.Paths {
			want := o.Original[p]
			if p == rollout.TemplateField && j.state.Phase == rollout.Promoted {
				want = j.state.Template
			}
			if !rollout.Same(live.Fields[p], want) {
				j.t.Errorf("%s: %s of %s is %s, not %s", j.state.Phase, p, o.Ref, live.Fields[p], want)
			}
		}
	}
}
