package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Input is what the plan needs and no snapshot holds.
type Input struct {
	// State is the rollout as it would begin, its spec complete.
	State *rollout.State
	// Trials are all its writes in order, each with the API server's answer: see Trials.
	Trials []Trial
	Access []Access
	// Holder is nil where no rollout holds the workload.
	Holder *Holder
	// Live are the objects that would be written to, as the API server gives them, managedFields and all.
	Live map[rollout.Ref]json.RawMessage
	// Notes are those of the edit; NothingToDo says that it makes no difference.
	Notes       []rollout.Note
	NothingToDo bool
}

// Options shape the report.
type Options struct {
	Lang      lang.Lang
	Catalogue finding.Catalogue
}

// draft is a plan in the making: what all rules look at.
type draft struct {
	s        *snapshot.Snapshot
	in       Input
	spec     rollout.Spec
	w        *workload
	old, new corev1.PodTemplateSpec
	steps    []Step
	// path are the mixes that the workload goes through, in order, from all old Pods on.
	path     []rollout.Mix
	extra    int
	capacity Capacity
	time     Time
	// shortages are what a quota or the nodes refuse.
	quotas []quotaShortage
	place  placement
}

// Make makes the plan. Its errors: an *Error where the workload is gone or was
// not read, and a template that is none.
func Make(s *snapshot.Snapshot, in Input, o Options) (Report, error) {
	d, err := newDraft(s, in)
	if err != nil {
		return Report{}, err
	}
	scope := rule.NewScope(d.w.target())
	for _, name := range d.routes() {
		scope.Add(d.w.target(), finding.Ref{Kind: "Service", Namespace: d.w.ref.Namespace, Name: name})
	}
	findings := rule.Diagnose(scope, rule.Run(s, scope, d.rules()), o.Catalogue, o.Lang)
	asked := finding.Scope{Context: s.Context, Namespace: d.w.ref.Namespace, Targets: []string{d.w.ref.String()}}
	unread, err := d.notChecked(o.Lang)
	if err != nil {
		return Report{}, err
	}
	base := finding.NewReport("rollout plan", s.TakenAt, asked, findings, unread, s.Requests)
	report := Report{Report: base, Plan: d.plan(findings)}
	report.Plan.Refused = report.Refused()
	return report, nil
}

func newDraft(s *snapshot.Snapshot, in Input) (*draft, error) {
	spec := in.State.Spec
	w, a := find(s, spec.Workload)
	if a.State == snapshot.Absent {
		return nil, wrong(ProblemNotFound, "workload", spec.Workload.String(), "namespace", spec.Workload.Namespace)
	}
	if a.State == snapshot.Unknown {
		return nil, wrong(ProblemUnread, "what", spec.Workload.String(), "why", a.Why)
	}
	d := &draft{s: s, in: in, spec: spec, w: w, old: w.template, new: w.template}
	if len(in.State.Template) > 0 {
		d.new = corev1.PodTemplateSpec{}
		if err := json.Unmarshal(in.State.Template, &d.new); err != nil {
			return nil, fmt.Errorf("decode the new template: %w", err)
		}
	}
	d.climb()
	d.reckon()
	d.estimate()
	return d, nil
}

// routes names the Services that the rollout looks at: those with the traffic, then the preview.
func (d *draft) routes() []string {
	all := slices.Clone(d.spec.Services)
	if d.spec.Preview != "" && !slices.Contains(all, d.spec.Preview) {
		all = append(all, d.spec.Preview)
	}
	return all
}

// each visits those of them that were read.
func (d *draft) each(visit func(*corev1.Service)) {
	for _, name := range d.routes() {
		if svc, a := snapshot.Get[*corev1.Service](d.s, d.w.ref.Namespace, name); a.State == snapshot.Present {
			visit(svc)
		}
	}
}

func (d *draft) plan(findings []finding.Finding) Plan {
	p := Plan{
		Workload: d.w.ref, Strategy: d.spec.Strategy, Via: d.spec.Via, Services: d.spec.Services, Preview: d.spec.Preview,
		Replicas: d.w.replicas, OldImages: images(d.old), NewImages: images(d.new), Steps: d.steps,
		Writes: writes(d.in.Trials), Capacity: d.capacity, Time: d.time, Access: d.in.Access,
	}
	for _, f := range findings {
		if fights(f.Rule) {
			p.Fights = append(p.Fights, Fight{Rule: f.Rule, Severity: f.Severity, Object: f.Object, Says: f.Title})
		}
	}
	for _, n := range d.in.Notes {
		p.Notes = append(p.Notes, Note{Path: n.Path, Live: string(n.Live), Asked: string(n.Asked)})
	}
	return p
}

// images lists the template's, of init containers first, as they start.
func images(template corev1.PodTemplateSpec) []string {
	var out []string
	for _, list := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range list {
			out = append(out, list[i].Image)
		}
	}
	return out
}
