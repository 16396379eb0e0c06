package probe

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Report is what is wrong with probes, and what each of them does and when.
type Report struct {
	finding.Report
	Probes []Probe `json:"probes"`
	// Bare lists the containers that have no probe.
	Bare []finding.Ref `json:"withoutProbes"`
	// KubeletsNotAsked counts the nodes with such pods beyond those whose kubelets were asked what they have counted.
	KubeletsNotAsked int `json:"kubeletsNotAsked"`
	// Without says what manifests hold in which nothing can have a probe.
	Without *Without `json:"without,omitempty"`
	// Timeline is drawn of one container where that was asked for.
	Timeline *Timeline `json:"timeline,omitempty"`
	// Trial says what a change does that was only tried out.
	Trial *Trial `json:"trial,omitempty"`
}

// Base gives the part that every report has.
func (r Report) Base() finding.Report { return r.Report }

// Probe is one probe of one container.
type Probe struct {
	// Pod is where it was read: "pod/web-1", or the workload whose template it is in: "deployment/web".
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Container string `json:"container"`
	Role      Role   `json:"role"`
	Type      Type   `json:"type"`
	// Handler is what it does: "GET http /healthz on port web (8080)".
	Handler string `json:"handler"`
	Values  Values `json:"values"`
	Timing  Timing `json:"timing"`
	// NoVerdict: its port is a name that the container does not declare. The kubelet counts none of its runs, so that it
	// never does what Timing says.
	NoVerdict bool `json:"noVerdict"`
	// Pods is how many pods with this probe were seen.
	Pods int `json:"pods"`
	// Failures and Kills are the failed runs, and the containers ended for them, that those of the
	// kubelet's events tell of which happened in the last ten minutes again. It does not write every one.
	Failures int `json:"failures"`
	Kills    int `json:"kills"`
	// FailuresSince is when the first of them happened; null where there are none. One event stands
	// for all of a kind, so that it may be long before those ten minutes.
	FailuresSince *metav1.Time `json:"failuresSince"`
	// Deleting: the pod is being deleted. The kubelet has stopped asking its startup and
	// liveness probes, but for those of sidecars, and goes on asking readiness.
	Deleting bool `json:"deleting"`
	// Counted is what the kubelets have counted of it; left out where that is not known.
	Counted *Counted `json:"counted,omitempty"`
	// Seen is what is known of how long the container takes to start; left out where nothing is.
	Seen *Seen `json:"seen,omitempty"`
	// Was is how it is now, where a change to it is being tried out.
	Was *Was `json:"was,omitempty"`
}

// Seen is how long instances of a container took from their start until they
// were ready. The status of a pod tells the latest start only, and probes notice
// late: a container may have been up to Margin seconds faster.
type Seen struct {
	Starts         int `json:"starts"`
	FastestSeconds int `json:"fastestSeconds"`
	SlowestSeconds int `json:"slowestSeconds"`
	MarginSeconds  int `json:"marginSeconds"`
}

// Timing is when a probe acts, in seconds. Null is what this probe does not decide.
type Timing struct {
	// FirstRunEarliestSeconds and FirstRunLatestSeconds count from the container's start.
	// Where a startup probe comes first, it is asked once that has passed, and no earlier.
	FirstRunEarliestSeconds int `json:"firstRunEarliestSeconds"`
	FirstRunLatestSeconds   int `json:"firstRunLatestSeconds"`
	// ActEarliestSeconds and ActLatestSeconds are when it acts: a startup probe, counted
	// from the container's start, on one that never passes; the others from the moment
	// at which the check begins to fail.
	ActEarliestSeconds int `json:"actEarliestSeconds"`
	ActLatestSeconds   int `json:"actLatestSeconds"`
	// StartupGuaranteedSeconds is how long a container has to start before this probe ends
	// it at the earliest, StartupMaximumSeconds at the latest. Of the startup probe, or
	// of the liveness probe where there is none.
	StartupGuaranteedSeconds *int `json:"startupGuaranteedSeconds"`
	StartupMaximumSeconds    *int `json:"startupMaximumSeconds"`
	// LeaveServiceSeconds is the longest time from the first failure until the pod is
	// taken out of its Services: for readiness, and for liveness where there is no readiness.
	LeaveServiceSeconds *int `json:"leaveServiceSeconds"`
	// KilledSeconds is the longest time until the failing container is gone, grace period
	// and preStop hook included. Its first restarts follow at once.
	KilledSeconds *int `json:"killedSeconds"`
	// RestartSeconds is the longest time until it starts again, with the longest back-off
	// that repeated kills lead to. Null where it is not started again.
	RestartSeconds *int `json:"restartSeconds"`
	// RestartsAtOnce is how many restarts of a container that fails from its start come
	// without a back-off; null where it is not started again, or never waits.
	RestartsAtOnce *int `json:"restartsAtOnce"`
}

// Options shape the report.
type Options struct {
	Lang      lang.Lang
	Catalogue finding.Catalogue
	// Set are changes to try out before they are made.
	Set []Change
	// Timeline asks for the life of one container, by its name where there are several.
	Timeline  bool
	Container string
}

// Check answers the query from the snapshot. Changes to try out are written into
// the snapshot. Its errors: *rule.NotFoundError, *ChangeError, *ContainerError, or
// a selector that does not parse.
func Check(s *snapshot.Snapshot, q Query, o Options) (Report, error) {
	if len(o.Set) > 0 {
		return try(s, q, o)
	}
	if _, err := labels.Parse(q.Selector); err != nil {
		return Report{}, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return Report{}, err
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return Report{}, err
	}
	v := look(s, scope)
	findings := rule.Diagnose(scope, rule.Run(s, scope, Rules()), o.Catalogue, o.Lang)
	out := Report{
		Report: finding.NewReport("probe check", s.TakenAt, askedOf(s, q, targets), findings, unread.NotChecked(s), s.Requests),
		Probes: v.probes(),
		Bare:   v.bare(),
	}
	out.KubeletsNotAsked, out.Without = kubeletsLeftOut(s, q), without(s, targets)
	if o.Timeline {
		if out.Timeline, err = v.timeline(o.Container); err != nil {
			return Report{}, err
		}
	}
	return out, nil
}

// askedOf is what the report is about.
func askedOf(s *snapshot.Snapshot, q Query, targets []finding.Ref) finding.Scope {
	asked := finding.Scope{Context: s.Context, Namespace: namespaceOf(q, targets)}
	for _, t := range targets {
		asked.Targets = append(asked.Targets, t.String())
	}
	return asked
}

// namespaceOf is the namespace that the answer is about: the one asked for,
// else the one that all targets lie in; empty for several.
func namespaceOf(q Query, targets []finding.Ref) string {
	in := spaces(targets)
	if q.Namespace != "" {
		in[q.Namespace] = true
	}
	if len(in) != 1 {
		return ""
	}
	for ns := range in {
		return ns
	}
	return ""
}

// probes lists every probe of the subjects.
func (v *view) probes() []Probe {
	out := []Probe{}
	for _, sub := range v.subjects {
		for _, c := range sub.containers() {
			for _, t := range Types() {
				if c.has(t) {
					out = append(out, v.probe(sub, c, t))
				}
			}
		}
	}
	return out
}

func (v *view) probe(sub *subject, c container, t Type) Probe {
	p := Probe{
		Pod: sub.read.String(), Namespace: sub.ref.Namespace, Container: c.spec.Name, Role: c.role, Type: t,
		Handler: Handler(c.probe(t), c.spec), Values: c.values(t), Timing: timing(sub, c, t), NoVerdict: !c.resolves(t), Pods: len(sub.pods),
	}
	for _, pod := range sub.pods {
		failed, killed := v.failures(pod, c, t), v.kills(pod, c, t)
		p.Failures += v.count(failed)
		p.Kills += v.count(killed)
		p.FailuresSince = v.first(p.FailuresSince, append(slices.Clone(failed), killed...))
	}
	p.Counted, p.Deleting = v.counted(sub, c, t), v.deleting(sub)
	if all := v.samples(sub, c); len(all) > 0 {
		seen := Seen{Starts: len(all), FastestSeconds: all[0].high}
		for _, s := range all {
			seen.FastestSeconds = min(seen.FastestSeconds, s.high)
			if s.high >= seen.SlowestSeconds {
				seen.SlowestSeconds, seen.MarginSeconds = s.high, s.high-s.low
			}
		}
		p.Seen = &seen
	}
	return p
}

// deleting says that the template was read of a pod that is being deleted, and of
// no other. Its probes are as they are written, and nothing is seen of them any more.
func (v *view) deleting(sub *subject) bool {
	if sub.read.Kind != "Pod" || len(sub.pods) > 0 {
		return false
	}
	pod, a := snapshot.Get[*corev1.Pod](v.s, sub.read.Namespace, sub.read.Name)
	return a.State == snapshot.Present && pod.DeletionTimestamp != nil
}

// Without is what manifests hold in which nothing can have a probe.
type Without struct {
	// Kinds are those of their objects, in order; empty for no object at all.
	Kinds []string `json:"kinds"`
}

// without is nil where the query has targets, or is not about manifests.
func without(s *snapshot.Snapshot, targets []finding.Ref) *Without {
	if s.Source != snapshot.FromManifests || len(targets) > 0 {
		return nil
	}
	out := Without{Kinds: []string{}}
	for _, o := range s.Objects() {
		if kind := string(snapshot.KindOf(o)); !slices.Contains(out.Kinds, kind) {
			out.Kinds = append(out.Kinds, kind)
		}
	}
	slices.Sort(out.Kinds)
	return &out
}

// timing is what the kubelet makes of one probe.
func timing(sub *subject, c container, t Type) Timing {
	v := c.values(t)
	first, act := v.FirstRun(), v.Failing()
	if t == Startup {
		act = v.FromStart()
	}
	out := Timing{
		FirstRunEarliestSeconds: first.Earliest, FirstRunLatestSeconds: first.Latest,
		ActEarliestSeconds: act.Earliest, ActLatestSeconds: act.Latest,
	}
	if t == Readiness {
		out.LeaveServiceSeconds = &act.Latest
		return out
	}
	end := stopping(v.grace(sub.spec), PreStop(c.spec))
	gone := act.plus(end)
	out.KilledSeconds = &gone.Latest
	if t == Startup || !c.has(Startup) {
		budget := v.FromStart()
		out.StartupGuaranteedSeconds, out.StartupMaximumSeconds = &budget.Earliest, &budget.Latest
	}
	if t == Liveness && !c.has(Readiness) {
		out.LeaveServiceSeconds = &gone.Latest
	}
	if c.restarts(sub.spec) {
		longest, atOnce := worstBackoff(v.FromStart().Earliest + end.Earliest)
		again := gone.after(longest).Latest
		out.RestartSeconds = &again
		if longest > 0 {
			out.RestartsAtOnce = &atOnce
		}
	}
	return out
}

// bare lists the containers without any probe.
func (v *view) bare() []finding.Ref {
	out := []finding.Ref{}
	for _, sub := range v.subjects {
		for _, c := range sub.containers() {
			if !slices.ContainsFunc(Types(), c.has) {
				out = append(out, c.of(sub.read))
			}
		}
	}
	return out
}
