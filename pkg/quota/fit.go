package quota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// FitQuery asks whether pods find room on nodes.
type FitQuery struct {
	Query
	// Manifests are the workloads asked about; nil for those that are there.
	Manifests *snapshot.Snapshot
	// Replicas takes the place of what the workloads say; nil leaves it.
	Replicas *int
	// Drain are nodes whose pods are to find room elsewhere.
	Drain []string
	// Add is how many more nodes there are to be, each like the node Like.
	Add  int
	Like string
}

// FitReport says what fits on the nodes.
type FitReport struct {
	finding.Report
	// Nodes counts them, those that were added for the question included.
	Nodes int   `json:"nodes"`
	Fit   []Fit `json:"fit"`
	// Pending are the pods that wait for a node already.
	Pending []Pending   `json:"pending"`
	Drain   *Drain      `json:"drain,omitempty"`
	Added   *AddedNodes `json:"added,omitempty"`
}

// Base gives the part that every report has.
func (r FitReport) Base() finding.Report { return r.Report }

// Known says that nodes and pods could be read.
func (r FitReport) Known() bool {
	return !slices.ContainsFunc(r.Fit, func(f Fit) bool { return f.Fits == nil })
}

// Fit is the answer for one workload.
type Fit struct {
	Workload finding.Ref `json:"workload"`
	// Asked is how many pods there are to be, Running how many of them have a node.
	Asked   int `json:"asked"`
	Running int `json:"running"`
	// Fits counts those that have a node or find one; nil where that is not known.
	// FitsAtMost is set where it hangs on order and chance: then Fits is the fewest.
	Fits       *int `json:"fits"`
	FitsAtMost *int `json:"fitsAtMost,omitempty"`
	// Refused says why no more fit, Message is that in the scheduler's words, and
	// Change the smallest change that would place one more.
	Refused []Refused `json:"refused"`
	Message string    `json:"message,omitempty"`
	Change  string    `json:"change,omitempty"`
	// NotModelled is what may refuse pods as well and was not reckoned with.
	NotModelled []NotModelled `json:"notModelled"`
}

// Whole says that all of its pods have a place for sure.
func (f Fit) Whole() bool { return f.Fits != nil && *f.Fits >= f.Asked }

// Refused is a constraint that refuses, and on how many nodes; 0 where it refuses
// whatever the node.
type Refused struct {
	Constraint fit.Reason `json:"constraint"`
	Resource   string     `json:"resource,omitempty"`
	// Words are the scheduler's.
	Words string `json:"words"`
	Nodes int    `json:"nodes"`
}

// NotModelled is something that was not reckoned with.
type NotModelled struct {
	Kind fit.GapKind `json:"kind"`
	// What names it: a claim, a scheduler, a range of numbers.
	What string `json:"what"`
}

// What is not modelled beside the gaps of a verdict.
const (
	// GapOrder: how many fit hangs on the order in which pods come and on chance.
	GapOrder fit.GapKind = "order"
	// GapPreemption: pods of a lower priority may have to go.
	GapPreemption fit.GapKind = "preemption"
	// GapGate: a scheduling gate keeps the pod from being scheduled at all.
	GapGate fit.GapKind = "scheduling-gate"
	// GapUpdate: an update needs room for old and new pods at a time; this is its end.
	GapUpdate fit.GapKind = "update"
	// GapAdmission: the API server would refuse the pod, or what it would make of it is not known.
	GapAdmission fit.GapKind = "admission"
)

// Pending is a number of alike pods that wait for a node.
type Pending struct {
	Workload finding.Ref `json:"workload"`
	Pod      string      `json:"pod"`
	Pods     int         `json:"pods"`
	// Fits of them would be placed now.
	Fits        *int          `json:"fits"`
	Refused     []Refused     `json:"refused"`
	Message     string        `json:"message,omitempty"`
	Change      string        `json:"change,omitempty"`
	NotModelled []NotModelled `json:"notModelled"`
}

// AddedNodes are those that were thought up for the question.
type AddedNodes struct {
	Nodes int    `json:"nodes"`
	Like  string `json:"like"`
}

// FitOf answers. A named workload or node that is not there is a *rule.NotFoundError.
func FitOf(s *snapshot.Snapshot, q FitQuery, catalogue finding.Catalogue, l lang.Lang) (FitReport, error) {
	f := &fitter{s: s, q: q, spaces: map[string]*Space{}}
	report := FitReport{Fit: []Fit{}, Pending: []Pending{}}
	if err := f.exist(); err != nil {
		return report, err
	}
	works := f.works()
	f.load(works)
	f.askFor(works)
	if len(q.Drain) > 0 {
		report.Drain = f.drain()
	}
	f.place()
	report.Fit, report.Pending = f.answers(), f.pending()
	if f.cluster != nil {
		report.Nodes = f.cluster.Nodes()
		f.drained(report.Drain, report.Fit)
	}
	if q.Add > 0 {
		report.Added = &AddedNodes{Nodes: q.Add, Like: q.Like}
	}
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	asked := finding.Scope{Context: s.Context, Namespace: q.Namespace}
	if len(q.Drain) > 0 {
		asked.Namespace = "" // pods of every namespace leave
	}
	var targets []finding.Ref
	for _, r := range report.Fit {
		targets = append(targets, r.Workload)
		asked.Targets = append(asked.Targets, r.Workload.String())
	}
	for _, g := range f.found { // a budget is part of what was asked
		if !slices.Contains(targets, g.Object.Object()) {
			targets = append(targets, g.Object.Object())
		}
	}
	notChecked := unread.NotChecked(s)
	if q.Manifests != nil {
		notChecked = append(unread.NotChecked(q.Manifests), notChecked...)
	}
	findings := rule.Diagnose(rule.NewScope(targets...), f.found, catalogue, l)
	report.Report = finding.NewReport("quota fit", s.TakenAt, asked, findings, notChecked, s.Requests)
	return report, nil
}

// fitter is the work on one report.
type fitter struct {
	s      *snapshot.Snapshot
	q      FitQuery
	spaces map[string]*Space
	// cluster is nil where nodes or pods could not be read.
	cluster *fit.Cluster
	bound   []*corev1.Pod
	// owned are those of bound that run, by what their template belongs to.
	owned   map[finding.Ref][]*corev1.Pod
	waiting []*wait
	asks    []*ask
	batches []fit.Batch
	trial   fit.Trial
	// preempting: a pod that finds no place may take that of one of lower priority.
	preempting bool
	// leaving are the pods of drained nodes.
	leaving []*corev1.Pod
	found   []finding.Finding
}

func (f *fitter) space(namespace string) *Space {
	if f.spaces[namespace] == nil {
		f.spaces[namespace] = NewSpace(RulesFor(f.s, namespace), f.s.TakenAt)
	}
	return f.spaces[namespace]
}

// fitKinds are the workloads that are looked at where none is named.
func fitKinds() []snapshot.Kind {
	return append(scaled(), "DaemonSet", "Job")
}
