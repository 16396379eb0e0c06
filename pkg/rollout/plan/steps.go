package plan

import (
	"math"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// near says how far a share may be off: a quarter of what was asked, for whoever
// asks for 5 per cent wants to risk little, and a quarter of little more is little;
// but never more than five points, which of a half is a lot of users.
func near(asked rollout.Weight) rollout.Weight { return min(asked/4, 5) }

// mostReplicas bounds the search for a number of replicas.
const mostReplicas = 2000

// climb works out what each step comes to, and the mixes on the way.
func (d *draft) climb() {
	at := rollout.Mix{Old: d.w.replicas}
	d.path = []rollout.Mix{at}
	for i, asked := range d.spec.Steps {
		step := Step{N: i + 1, Asked: asked.Weight, Pause: pauseText(asked.Pause), Gates: d.gates(asked)}
		mix, ok := d.mix(asked.Weight)
		if ok {
			step.Old, step.New, step.Reachable = mix.Old, mix.New, d.reachable(asked.Weight, mix)
			step.Error = round(step.Reachable - asked.Weight)
			if !step.isNear() {
				step.ReplicasToReach = d.replicasFor(asked.Weight)
			}
			for _, m := range d.way(at, mix) {
				d.path, at = append(d.path, m), m
			}
		}
		d.steps = append(d.steps, step)
	}
	for _, m := range d.path {
		d.extra = max(d.extra, m.Old+m.New-d.w.replicas)
	}
}

// mix is what the step asks of the Pods; false where there are none to share.
func (d *draft) mix(asked rollout.Weight) (rollout.Mix, bool) {
	n := d.w.replicas
	if n < 1 {
		return rollout.Mix{}, false
	}
	if d.spec.Strategy == rollout.BlueGreen {
		return rollout.Mix{Old: n, New: n}, true
	}
	m, err := rollout.Reach(d.w.ref.Kind, n, d.surge(), asked)
	return m, err == nil
}

// surge is how many Pods there may be beyond the replicas: only a Deployment has any.
func (d *draft) surge() int {
	if d.w.deployment == nil {
		return 0
	}
	return d.spec.MaxSurge
}

// reachable: a pinned Service gives all or nothing, else the Pods decide.
func (d *draft) reachable(asked rollout.Weight, m rollout.Mix) rollout.Weight {
	if d.spec.Via == rollout.ViaService {
		return asked
	}
	return round(m.Share())
}

// way lists the mixes between two steps. What has no surge replaces Pods, and has as many all the time.
func (d *draft) way(from, to rollout.Mix) []rollout.Mix {
	if d.w.deployment == nil {
		return []rollout.Mix{to}
	}
	return rollout.Path(d.w.replicas, d.surge(), from, to)
}

// isNear says whether the step comes near enough to what was asked.
func (s Step) isNear() bool {
	return s.Asked >= rollout.All || rollout.Weight(math.Abs(float64(s.Error))) <= near(s.Asked)
}

// replicasFor is the smallest number of replicas, not below those there are, with
// which every one of the weights comes near enough; 0 where none does, or where
// the nodes decide how many there are.
func (d *draft) replicasFor(asked ...rollout.Weight) int {
	if d.w.daemon != nil {
		return 0
	}
	for n := max(1, d.w.replicas); n <= mostReplicas; n++ {
		if !slices.ContainsFunc(asked, func(w rollout.Weight) bool {
			m, err := rollout.Reach(d.w.ref.Kind, n, d.surge(), w)
			return err != nil || rollout.Weight(math.Abs(float64(m.Share()-w))) > near(w)
		}) {
			return n
		}
	}
	return 0
}

// round keeps hundredths.
func round(w rollout.Weight) rollout.Weight {
	return rollout.Weight(math.Round(float64(w)*100) / 100)
}

func pauseText(p rollout.Pause) string {
	switch {
	case p.Manual:
		return "manual"
	case p.For > 0:
		return p.For.String()
	}
	return ""
}

func (d *draft) gates(step rollout.Step) []string {
	out := []string{}
	for _, g := range append(append([]rollout.GateSpec{}, d.spec.Gates...), step.Gates...) {
		out = append(out, g.String())
	}
	return out
}
