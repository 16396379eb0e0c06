package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// CheckInput is what is asked: would the API server take these manifests, and
// is there room for their pods?
type CheckInput struct {
	// State is the cluster, or what was saved of it.
	State *snapshot.Snapshot
	// Manifests are sent in the order of their files.
	Manifests *snapshot.Snapshot
	// Alone says that nothing exists but what the manifests say, Saved that State
	// is of another time.
	Alone, Saved bool
	// Rehearsals are what the API server itself answered to dry runs.
	Rehearsals []Rehearsal
}

// Rehearsal is the API server's answer to a dry run.
type Rehearsal struct {
	// Object is the manifest; Pod says that the first pod of that workload was tried.
	Object  finding.Ref
	Pod     bool
	Refused bool
	// Message is why it was refused.
	Message string
	// Unasked is why there is no answer: forbidden, timed out.
	Unasked string
}

// Against is what manifests were held against, and so what the answer rests on.
type Against string

// The things to hold them against.
const (
	AgainstCluster   Against = "cluster"
	AgainstSnapshot  Against = "snapshot"
	AgainstManifests Against = "manifests"
)

func (in CheckInput) against() Against {
	switch {
	case in.Alone:
		return AgainstManifests
	case in.Saved:
		return AgainstSnapshot
	}
	return AgainstCluster
}

// CheckReport says of each manifest whether it would be let in.
type CheckReport struct {
	finding.Report
	Against   Against     `json:"against"`
	Admission []Admission `json:"admission"`
}

// Base gives the part that every report has.
func (r CheckReport) Base() finding.Report { return r.Report }

// Admission is the answer for one manifest, with all of its pods.
type Admission struct {
	Object finding.Ref `json:"object"`
	// Allowed is nil where something that decides could not be read.
	Allowed *bool `json:"allowed"`
	By      By    `json:"by,omitempty"`
	// Name is the ResourceQuota, LimitRange or class that refuses; Resource is
	// what of it binds, several with commas between.
	Name     string `json:"name,omitempty"`
	Resource string `json:"resource,omitempty"`
	// Message is the API server's own.
	Message string `json:"message,omitempty"`
	// Also are the messages that the API server could give as well: of several
	// quotas it names one by chance.
	Also []string `json:"also"`
	// Pods are those of a workload.
	Pods *PodCount `json:"pods,omitempty"`
}

// PodCount follows the pods of a workload.
type PodCount struct {
	Asked int `json:"asked"`
	// Allowed are let in, one after the other, until the first that is refused.
	Allowed int `json:"allowed"`
	// New pods are sent and let in beyond those that are there, at the busiest moment.
	New int `json:"new"`
	// Placed of those that are new find room on nodes; nil where nodes or pods could not be read.
	Placed *int `json:"placed"`
}

// Check answers.
func Check(in CheckInput, catalogue finding.Catalogue, l lang.Lang) (CheckReport, error) {
	c := &checker{in: in, spaces: map[string]*Space{}}
	if !in.Alone {
		c.cluster, c.pending, c.noRoom = clusterOf(in.State)
		c.current = revisions(in.State)
	}
	report := CheckReport{Against: in.against(), Admission: []Admission{}}
	var targets []finding.Ref
	for _, o := range in.Manifests.InOrder() {
		targets = append(targets, rule.RefTo(o))
		report.Admission = append(report.Admission, c.one(o))
	}
	c.chances()
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	notChecked := append(unread.NotChecked(in.Manifests), unread.NotChecked(in.State)...)
	notChecked = append(notChecked, unasked(l, in.Rehearsals, unread.Reason)...)
	asked := finding.Scope{Context: in.State.Context, Namespace: in.Manifests.Namespace}
	for _, t := range targets {
		asked.Targets = append(asked.Targets, t.String())
	}
	findings := rule.Diagnose(rule.NewScope(targets...), c.found, catalogue, l)
	report.Report = finding.NewReport("quota check", in.State.TakenAt, asked, findings, notChecked, in.State.Requests)
	return report, nil
}

// chances notes LimitRanges that contradict each other where pods are sent: what
// becomes of those hangs on which of them the API server takes first.
func (c *checker) chances() {
	for _, namespace := range slices.Sorted(maps.Keys(c.spaces)) {
		space := c.spaces[namespace]
		sent := slices.ContainsFunc(c.in.Manifests.InOrder(), func(o snapshot.Object) bool {
			_, isWork := WorkOf(o)
			return isWork && o.GetNamespace() == namespace
		})
		for i, a := range space.ranges {
			for _, b := range space.ranges[:i] {
				if f, found := rangesConflict(b, a); found && sent {
					f.Rule = "quota/limitrange-conflict"
					c.found = append(c.found, f)
				}
			}
		}
	}
}

type checker struct {
	in     CheckInput
	spaces map[string]*Space
	// made are the manifests that belong to no namespace.
	made    []snapshot.Object
	found   []finding.Finding
	cluster *fit.Cluster
	pending []*corev1.Pod
	// current are the revisions of the pods that are there.
	current map[finding.Ref]string
	noRoom  error
}

func (c *checker) one(o snapshot.Object) Admission {
	a := Admission{Object: rule.RefTo(o), Also: []string{}}
	if a.Object.Namespace == "" {
		c.learn(o)
		return settled(a, Outcome{}, nil)
	}
	space := c.space(a.Object.Namespace)
	old := c.existing(o)
	work, isWork := WorkOf(o)
	out := c.notServed(o)
	if out.Admitted() {
		out = c.namespaceGone(o)
	}
	if isWork && out.Admitted() && meterOf(o) != podMeter {
		out.Refusals = validateTemplate(work) // before the quotas
	}
	if out.Admitted() {
		out = space.Admit(o, old)
	}
	out.Unseen = c.unseen(o)
	if r := c.rehearsed(a.Object, false); r != nil && (out.Admitted() || r.precedes(out.Refusals[0])) {
		out.Refusals = append([]Refusal{*r}, out.Refusals...)
	}
	if !out.Admitted() {
		c.report(verdict{of: o, work: work, out: out, space: space, pods: work.Pods, itself: isWork && meterOf(o) != podMeter})
		if !isWork {
			return settled(a, out, nil)
		}
		return settled(a, out, &PodCount{Asked: work.Pods})
	}
	switch o := o.(type) {
	case *corev1.ResourceQuota:
		space.addQuota(o, old, c.known(o.Namespace))
	case *corev1.LimitRange:
		space.addRange(o)
	}
	if !isWork {
		return settled(a, out, nil)
	}
	return c.pods(a, work, old, out)
}

// settled writes the outcome into the admission.
func settled(a Admission, out Outcome, pods *PodCount) Admission {
	a.Pods = pods
	yes := out.Admitted()
	a.Allowed = &yes
	if out.unsure() {
		a.Allowed = nil
	}
	if yes {
		return a
	}
	first := out.Refusals[0]
	a.By, a.Name, a.Resource, a.Message = first.By, first.Name, printedNames(first.Resources), first.Message
	for _, r := range out.Refusals[1:] {
		a.Also = append(a.Also, r.Message)
	}
	return a
}

// unsure says that what could not be read may turn the outcome: a quota that
// refuses, a LimitRange that gives what is missing.
func (o Outcome) unsure() bool {
	if o.Admitted() {
		return len(o.Unknown) > 0
	}
	first := o.Refusals[0]
	return slices.Contains(o.Unknown, "LimitRange") && first.Cause == Unspecified || o.Unseen && first.Cause == Exceeded
}

// learn takes in what belongs to no namespace and matters to those that do.
func (c *checker) learn(o snapshot.Object) {
	c.made = append(c.made, o)
	for _, s := range c.spaces {
		s.learn(o)
	}
}

func (c *checker) space(namespace string) *Space {
	if s, ok := c.spaces[namespace]; ok {
		return s
	}
	r := RulesFor(c.in.State, namespace)
	if c.in.Alone {
		r.Unread = nil
	}
	for _, o := range c.made {
		r.learn(o)
	}
	space := NewSpace(r, c.in.State.TakenAt)
	for _, o := range c.in.Manifests.OfKind("ResourceClaimTemplate", namespace) {
		space.learnTemplate(o) // claims are made of it once all is sent
	}
	c.spaces[namespace] = space
	return space
}

// existing is the object of that name that is there already.
func (c *checker) existing(o snapshot.Object) snapshot.Object {
	old, a := c.in.State.Find(snapshot.KindOf(o), o.GetNamespace(), o.GetName())
	if a.State != snapshot.Present || c.in.Alone {
		return nil
	}
	return old
}

// unseen says that it could not be read whether the object is there already.
func (c *checker) unseen(o snapshot.Object) bool {
	_, a := c.in.State.Find(snapshot.KindOf(o), o.GetNamespace(), o.GetName())
	return a.State == snapshot.Unknown && !c.in.Alone
}

// notServed: kubectl finds no resource for a kind that an add-on would bring, unless
// the manifests bring it (client-go/restmapper).
func (c *checker) notServed(o snapshot.Object) Outcome {
	kind := snapshot.KindOf(o)
	info, _ := snapshot.Lookup(kind)
	_, a := c.in.State.Find(kind, o.GetNamespace(), o.GetName())
	isIt := func(m snapshot.Object) bool {
		d, ok := m.(*snapshot.CustomResourceDefinition)
		return ok && d.Spec.Group == info.Resource.Group && d.Spec.Names.Kind == string(kind)
	}
	if !info.Custom || !a.NotServed || c.in.Alone || slices.ContainsFunc(c.made, isIt) {
		return Outcome{}
	}
	version := info.Resource.GroupVersion().String()
	return Outcome{Refusals: []Refusal{{By: ByOther, Cause: KindNotServed, Name: version, Message: fmt.Sprintf("no matches for kind %q in version %q", kind, version)}}}
}

// namespaceGone: nothing can be made where there is no namespace
// (apiserver/pkg/admission/plugin/namespace/lifecycle).
func (c *checker) namespaceGone(o snapshot.Object) Outcome {
	name := o.GetNamespace()
	isIt := func(m snapshot.Object) bool { return snapshot.KindOf(m) == "Namespace" && m.GetName() == name }
	if c.in.Alone || slices.ContainsFunc(c.made, isIt) {
		return Outcome{}
	}
	ns, a := snapshot.Get[*corev1.Namespace](c.in.State, "", name)
	r := Refusal{By: ByOther, Cause: NamespaceMissing, Name: name}
	switch {
	case a.State == snapshot.Absent:
		r.Message = "namespaces \"" + name + "\" not found"
	case a.State == snapshot.Present && ns.Status.Phase == corev1.NamespaceTerminating:
		r.Message = forbidden(o, "unable to create new content in namespace "+name+" because it is being terminated")
	default:
		return Outcome{}
	}
	return Outcome{Refusals: []Refusal{r}}
}

// validateTemplate holds the template itself to the rules for resources; its
// pods are held to them again, with all defaults.
func validateTemplate(w Work) []Refusal {
	template := w.Template.DeepCopy()
	roundPod(&template.Spec)
	path := field.NewPath("spec", "template", "spec")
	if w.Ref.Kind == "CronJob" {
		path = field.NewPath("spec", "jobTemplate", "spec", "template", "spec")
	}
	if errs := validatePodResources(&template.Spec, path); len(errs) > 0 {
		return []Refusal{invalid(w.Object, errs)}
	}
	return nil
}

// known are the objects of a namespace that are there, for a quota that is new.
func (c *checker) known(namespace string) func(snapshot.Kind) ([]snapshot.Object, bool) {
	return func(kind snapshot.Kind) ([]snapshot.Object, bool) {
		if c.in.Alone {
			return nil, true
		}
		return c.in.State.OfKind(kind, namespace), c.in.State.Covered(kind, namespace, "").State == snapshot.Present
	}
}

// precedes says that the API server comes to this refusal before the other:
// what is not valid never gets to the quotas.
func (r Refusal) precedes(other Refusal) bool {
	return other.By != ByValidation && strings.Contains(r.Message, " is invalid: ")
}

// rehearsed is the refusal that a dry run brought, nil where it brought none.
func (c *checker) rehearsed(of finding.Ref, pod bool) *Refusal {
	for _, r := range c.in.Rehearsals {
		if r.Object == of && r.Pod == pod && r.Refused {
			return &Refusal{By: ByOther, Cause: Unmodelled, Message: r.Message}
		}
	}
	return nil
}
