package quota

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// SuggestReport holds requests and limits that follow from what was seen, and
// says of which containers too little was seen.
type SuggestReport struct {
	finding.Report
	// Prometheus, Window, Step and AveragedOver are as in a UsageReport.
	Prometheus   string         `json:"prometheus"`
	Window       string         `json:"window"`
	Step         string         `json:"step,omitempty"`
	AveragedOver string         `json:"averagedOver,omitempty"`
	Method       Method         `json:"method"`
	Suggestions  []Suggestion   `json:"suggestions"`
	None         []NoSuggestion `json:"none"`
}

// Base gives the part that every report has.
func (r SuggestReport) Base() finding.Report { return r.Report }

// Suggestion is a change to a workload's template: its pods are replaced once,
// however many containers change.
type Suggestion struct {
	Object     finding.Ref           `json:"object"`
	Method     Method                `json:"method"`
	Containers []ContainerSuggestion `json:"containers"`
	// Patch is a strategic merge patch, as YAML. Command applies it.
	Patch   string `json:"patch"`
	Command string `json:"command"`

	body patch
}

// ContainerSuggestion is the part of one container.
type ContainerSuggestion struct {
	Container string           `json:"container"`
	Values    []SuggestedValue `json:"values"`
	// Reasons are in words, in the order of what they led to.
	Reasons []string `json:"reasons"`
	// CPU and Memory are the distributions that the values come from.
	CPU    *Observed `json:"cpu"`
	Memory *Observed `json:"memory"`
	// Bounds are VPA's lower and upper bound, for that method.
	Bounds []VPABounds `json:"bounds,omitempty"`
}

// SuggestedValue is a field with its value now and then; "" for none.
type SuggestedValue struct {
	// Field is "requests.cpu", "limits.memory".
	Field string `json:"field"`
	Now   string `json:"now"`
	Value string `json:"value"`
	// Wanted is what the method gave, where something bounds it.
	Wanted string `json:"wanted,omitempty"`
}

// NoSuggestion says why nothing is suggested for a container.
type NoSuggestion struct {
	Object finding.Ref `json:"object"`
	Why    string      `json:"why"`
}

// Method is how values follow from a distribution.
type Method string

// The methods.
const (
	MethodOurs Method = "ours"
	MethodVPA  Method = "vpa"
	MethodKRR  Method = "krr"
)

// SuggestOf answers. Its errors are those of UsageOf. Whatever the method, it
// takes a day of history and a hundred samples of a resource to suggest a value
// for it: below that the answer is that there is too little.
func SuggestOf(s *snapshot.Snapshot, q Query, window time.Duration, m Method, l lang.Lang) (SuggestReport, error) {
	report := SuggestReport{Window: lasting(window), Method: m, Suggestions: []Suggestion{}, None: []NoSuggestion{}}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return report, err
	}
	works := q.works(s, auditKinds())
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	h := historyOf(s, works, q, window)
	if h.asked {
		report.Step, report.AveragedOver = lasting(time.Duration(h.needs.step)*time.Second), lasting(time.Duration(h.needs.average)*time.Second)
	}
	asked := finding.Scope{Context: s.Context, Namespace: q.Namespace}
	spaces := map[string]*Space{}
	for _, w := range works {
		if len(q.Targets) > 0 {
			asked.Targets = append(asked.Targets, w.Ref.String())
		}
		ns := w.Ref.Namespace
		if spaces[ns] == nil {
			spaces[ns] = NewSpace(RulesFor(s, ns), s.TakenAt)
		}
		a := adviser{h: h, w: w, space: spaces[ns], method: m, lang: l}
		if one, ok := a.advise(); ok {
			report.Suggestions = append(report.Suggestions, one)
		}
		report.None = append(report.None, a.none...)
	}
	report.Report = finding.NewReport("quota suggest", s.TakenAt, asked, nil, append(unread.NotChecked(s), h.notChecked(l)...), s.Requests)
	return report, nil
}

// adviser works one workload out.
type adviser struct {
	h      *history
	w      Work
	space  *Space
	method Method
	lang   lang.Lang
	none   []NoSuggestion
	// spent is what earlier containers of the workload take of quotas and of the largest node.
	spent corev1.ResourceList
}

func (a *adviser) say(id string, args map[string]any) string { return say(a.lang, id, args) }

func (a *adviser) refuse(container, why string) {
	of := a.w.Ref
	of.Container = container
	a.none = append(a.none, NoSuggestion{of, why})
}

// advise gives the suggestion, if any container has one.
func (a *adviser) advise() (Suggestion, bool) {
	out := Suggestion{Object: a.w.Ref, Method: a.method}
	if _, changes := wrapped(a.w.Ref.Kind, patch{}); !changes {
		a.refuse("", a.say("suggest-immutable", map[string]any{"kind": a.w.Ref.Kind}))
		return out, false
	}
	if a.h.s.Source == snapshot.FromManifests {
		a.refuse("", a.say("suggest-manifests", nil))
		return out, false
	}
	changed := map[string]corev1.ResourceRequirements{}
	for _, u := range a.h.usage(a.w) {
		c, sizes, ok := a.container(u)
		if !ok {
			continue
		}
		out.Containers = append(out.Containers, c)
		changed[u.Object.Container] = sizes
	}
	if len(out.Containers) == 0 {
		return out, false
	}
	if message := a.refused(changed); message != "" {
		for _, c := range out.Containers {
			a.refuse(c.Container, a.say("suggest-refused", map[string]any{"message": message}))
		}
		return out, false
	}
	out.write(a.w)
	return out, true
}

// container works one container out; false where nothing is to change, with the reason noted.
func (a *adviser) container(u ContainerUsage) (ContainerSuggestion, corev1.ResourceRequirements, bool) {
	d := &draft{adviser: a, u: u, want: copied(u.spec)}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if d.judges(name) {
			d.size(name)
			d.bound(name)
		}
	}
	values := d.values()
	out := ContainerSuggestion{Container: u.Object.Container, Values: values, Reasons: d.reasons, CPU: u.CPU, Memory: u.Memory, Bounds: d.bounds}
	if len(values) > 0 {
		return out, d.want, true
	}
	why := a.say("suggest-fits", map[string]any{"window": ""})
	if len(d.why) > 0 {
		why = d.why[0]
	}
	a.refuse(u.Object.Container, why)
	return out, d.want, false
}

// judges says whether there is enough to suggest a value of the resource from.
func (d *draft) judges(name corev1.ResourceName) bool {
	o := d.u.observed(name)
	switch {
	case o == nil:
		d.why = append(d.why, d.say("suggest-no-history", map[string]any{"resource": string(name)}))
		return false
	case !o.enough():
		d.why = append(d.why, d.say("suggest-too-few", map[string]any{
			"resource": string(name), "covered": o.Covered, "samples": o.Pooled.Samples, "hours": int(enoughTime.Hours()), "needed": enoughSamples,
		}))
		return false
	}
	if hpa, percent := d.h.scaledBy(d.u.Object, name); hpa != "" {
		d.underAutoscaler(name, hpa, percent)
		return false
	}
	return true
}

// underAutoscaler: an HPA on utilisation keeps use at a share of the request. A
// request that follows the use would be followed by the use in turn, smaller each
// time; so it stays, and the pair that belongs together is named.
func (d *draft) underAutoscaler(name corev1.ResourceName, hpa string, percent int32) {
	asked := d.u.spec.Requests[name]
	why := d.say("suggest-hpa", map[string]any{
		"resource": string(name), "hpa": hpa, "percent": percent, "request": asked.String(),
		"target": printedUse(name, asked.AsApproximateFloat64()*float64(percent)/100),
	})
	d.reasons, d.why = append(d.reasons, why), append(d.why, why)
}

// refused asks admission for a pod with the changed containers: what a
// LimitRange or validation would say that did not say it before.
func (a *adviser) refused(changed map[string]corev1.ResourceRequirements) string {
	before := a.space.admissible(a.w)
	template := a.w.Template.DeepCopy()
	for _, list := range [][]corev1.Container{template.Spec.Containers, template.Spec.InitContainers} {
		for i := range list {
			if r, ok := changed[list[i].Name]; ok {
				list[i].Resources.Requests, list[i].Resources.Limits = r.Requests, r.Limits
			}
		}
	}
	w := a.w
	w.Template = template
	after := a.space.admissible(w)
	if after.Admitted() || !before.Admitted() && slices.ContainsFunc(before.Refusals, func(r Refusal) bool { return r.Cause == after.Refusals[0].Cause }) {
		return ""
	}
	return after.Refusals[0].Message
}

func copied(r corev1.ResourceRequirements) corev1.ResourceRequirements {
	out := *r.DeepCopy()
	if out.Requests == nil {
		out.Requests = corev1.ResourceList{}
	}
	if out.Limits == nil {
		out.Limits = corev1.ResourceList{}
	}
	return out
}
