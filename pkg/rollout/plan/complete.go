package plan

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// What holds where nothing else was said.
const (
	defaultTimeout = 10 * time.Minute
	// defaultKeep is as long as what is behind a Service takes to notice a flip everywhere:
	// node tables are written within seconds, load balancers and DNS caches take longer.
	defaultKeep = 30 * time.Second
	// endlessDeadline is the progressDeadlineSeconds that means none (pkg/controller/deployment/util, HasProgressDeadline).
	endlessDeadline = 2147483647
)

// DefaultSteps are a strategy's steps, each but the last followed by the pause.
// Of blue-green the first step brings the new version up without traffic.
func DefaultSteps(s rollout.Strategy, pause rollout.Pause) []rollout.Step {
	weights := []rollout.Weight{5, 25, 50}
	if s == rollout.BlueGreen {
		weights = []rollout.Weight{0}
	}
	var steps []rollout.Step
	for _, w := range weights {
		steps = append(steps, rollout.Step{Weight: w, Pause: pause})
	}
	return append(steps, rollout.Step{Weight: rollout.All})
}

// Complete fills in what was left out and refuses what makes no sense; a spec
// that is complete stays as it is. Its errors are *Error.
func Complete(s *snapshot.Snapshot, spec rollout.Spec) (rollout.Spec, error) {
	ref, err := resolve(s, spec.Workload)
	if err != nil {
		return spec, err
	}
	spec.Workload = ref
	w, a := find(s, ref)
	switch a.State {
	case snapshot.Present:
	case snapshot.Absent:
		return spec, wrong(ProblemNotFound, "workload", ref.String(), "namespace", ref.Namespace)
	case snapshot.Unknown:
		return spec, wrong(ProblemUnread, "what", ref.String(), "why", a.Why)
	}
	if spec, err = completeStrategy(spec); err != nil {
		return spec, err
	}
	if spec.Services, err = services(s, w, spec); err != nil {
		return spec, err
	}
	if spec.Steps, err = completeSteps(spec); err != nil {
		return spec, err
	}
	return completeRest(spec, w)
}

func wrong(p Problem, args ...any) *Error {
	e := &Error{Problem: p, Args: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		e.Args[args[i].(string)] = args[i+1]
	}
	return e
}

// resolve takes the kind as people type it.
func resolve(s *snapshot.Snapshot, ref rollout.Ref) (rollout.Ref, error) {
	known := []string{"Deployment", "StatefulSet", "DaemonSet"}
	info, ok := snapshot.Resolve(ref.Kind)
	if !ok || !slices.Contains(known, string(info.Kind)) {
		return ref, wrong(ProblemKind, "kind", ref.Kind)
	}
	ref.Kind = string(info.Kind)
	if ref.Namespace == "" {
		ref.Namespace = s.Namespace
	}
	return ref, nil
}

// completeStrategy settles the strategy and the router that goes with it.
func completeStrategy(spec rollout.Spec) (rollout.Spec, error) {
	if spec.Strategy == "" {
		spec.Strategy = rollout.Canary
	}
	if !slices.Contains([]rollout.Strategy{rollout.Canary, rollout.BlueGreen}, spec.Strategy) {
		return spec, unknown(ProblemStrategy, string(spec.Strategy), string(rollout.Canary), string(rollout.BlueGreen))
	}
	if spec.Strategy == rollout.BlueGreen && spec.Workload.Kind != "Deployment" {
		return spec, wrong(ProblemStrategyKind, "kind", spec.Workload.Kind)
	}
	natural := rollout.ViaRatio
	if spec.Strategy == rollout.BlueGreen {
		natural = rollout.ViaService
	}
	switch spec.Via {
	case "":
		spec.Via = natural
	case natural:
	case rollout.ViaService:
		return spec, wrong(ProblemViaCanary)
	case rollout.ViaRatio:
		return spec, wrong(ProblemViaBlueGreen)
	default:
		return spec, unknown(ProblemVia, string(spec.Via), string(rollout.ViaRatio), string(rollout.ViaService))
	}
	return spec, nil
}

// unknown is a word that is none of those known.
func unknown(p Problem, got string, known ...string) *Error {
	return wrong(p, "got", got, "near", spelling.Nearest(got, known), "known", strings.Join(known, ", "))
}

// completeSteps holds the weights to what makes sense and ends with all of the traffic.
func completeSteps(spec rollout.Spec) ([]rollout.Step, error) {
	steps := slices.Clone(spec.Steps)
	if len(steps) == 0 {
		return DefaultSteps(spec.Strategy, rollout.Pause{}), nil
	}
	last := rollout.Weight(0)
	for i, step := range steps {
		w := step.Weight
		blue := spec.Strategy == rollout.BlueGreen
		switch {
		case blue && w != 0 && w != rollout.All:
			return nil, wrong(ProblemStepsBlueGreen, "weight", w.String())
		case !blue && w == 0, w < 0, w > rollout.All, math.IsNaN(float64(w)):
			return nil, wrong(ProblemWeight, "weight", w.String())
		case i > 0 && w <= last:
			return nil, wrong(ProblemRising, "weight", w.String(), "before", last.String())
		case step.Pause.Manual && step.Pause.For != 0:
			return nil, wrong(ProblemPause, "weight", w.String(), "for", step.Pause.For.String())
		}
		last = w
	}
	if last != rollout.All {
		steps = append(steps, rollout.Step{Weight: rollout.All})
	}
	if spec.Strategy == rollout.BlueGreen && steps[0].Weight != 0 {
		steps = append([]rollout.Step{{Weight: 0}}, steps...)
	}
	return steps, nil
}

func completeRest(spec rollout.Spec, w *workload) (rollout.Spec, error) {
	for what, n := range map[string]int{"maxSurge": spec.MaxSurge, "maxRestarts": spec.MaxRestarts, "timeout": int(spec.Timeout), "keep": int(spec.Keep)} {
		if n < 0 {
			return spec, wrong(ProblemNegative, "what", what)
		}
	}
	switch {
	case spec.Keep > 0 && spec.Strategy != rollout.BlueGreen:
		return spec, wrong(ProblemKeep)
	case spec.GroupBy != "" && spec.Workload.Kind != "DaemonSet":
		return spec, wrong(ProblemGroupBy, "kind", spec.Workload.Kind)
	}
	if spec.MaxSurge == 0 {
		spec.MaxSurge = w.surge()
	}
	if spec.OnFail == "" {
		spec.OnFail = rollout.Rollback
	}
	if !slices.Contains([]rollout.OnFail{rollout.Rollback, rollout.HoldOnFail}, spec.OnFail) {
		return spec, unknown(ProblemOnFail, string(spec.OnFail), string(rollout.Rollback), string(rollout.HoldOnFail))
	}
	if spec.Timeout == 0 {
		spec.Timeout = rollout.Duration(defaultTimeout)
		if d := w.deployment; d != nil && d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != endlessDeadline {
			spec.Timeout = rollout.Duration(time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second)
		}
	}
	if spec.Strategy == rollout.BlueGreen && spec.Keep == 0 {
		spec.Keep = rollout.Duration(defaultKeep)
	}
	return spec, checkGates(spec)
}

// checkGates knows the kinds; what a gate needs, the gate says itself.
func checkGates(spec rollout.Spec) error {
	known := []rollout.GateKind{
		rollout.GateReady, rollout.GateRestarts, rollout.GateTime, rollout.GateCommand, rollout.GateWebhook, rollout.GatePerson,
	}
	for _, g := range spec.AllGates() {
		if !slices.Contains(known, g.Kind) {
			var words []string
			for _, k := range known {
				words = append(words, string(k))
			}
			return unknown(ProblemGate, string(g.Kind), words...)
		}
	}
	return nil
}
