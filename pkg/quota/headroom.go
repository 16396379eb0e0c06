package quota

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Query is what was asked about: named workloads, or all of a namespace.
type Query struct {
	// Namespace is where workloads are listed; empty lists all namespaces.
	Namespace string
	Targets   []finding.Ref
	// Selector is a label selector in kubectl's form.
	Selector string
	// Explain adds the formula to the numbers of a headroom.
	Explain bool
}

// HeadroomReport says how many more replicas there is room for.
type HeadroomReport struct {
	finding.Report
	Headroom []Headroom `json:"headroom"`
	// Waiting is how many pods wait for a node already; they come first.
	Waiting int `json:"waiting"`
}

// Base gives the part that every report has.
func (r HeadroomReport) Base() finding.Report { return r.Report }

// Headroom is the answer for one workload.
type Headroom struct {
	Workload finding.Ref `json:"workload"`
	// Pods is how many are asked for now.
	Pods int `json:"pods"`
	// Owed is how many of them are not there yet; they take of the room first.
	Owed int `json:"owed"`
	// Replicas is how many more there is room for; nil where nothing that was read limits them.
	Replicas *int `json:"replicas"`
	// AtMost says that something which may limit them further could not be read.
	AtMost bool `json:"atMost"`
	// What binds: the first of the constraints.
	BindingKind     Binding `json:"bindingKind,omitempty"`
	BindingName     string  `json:"bindingName,omitempty"`
	BindingResource string  `json:"bindingResource,omitempty"`
	// Constraints are all of them, the tightest first.
	Constraints []Constraint `json:"constraints"`
	Update      *Update      `json:"update,omitempty"`
	Autoscaler  *Autoscaled  `json:"autoscaler,omitempty"`
	// Formulas tell what one more pod asks for, where that was asked for.
	Formulas []Formula `json:"formulas,omitempty"`
}

// Binding is a kind of constraint.
type Binding string

// The kinds. PodSlots is the number of pods that nodes allow.
const (
	BindsQuota      Binding = "quota"
	BindsLimitRange Binding = "limitrange"
	BindsValidation Binding = "validation"
	BindsOther      Binding = "other"
	BindsNodes      Binding = "nodes"
	BindsPodSlots   Binding = "pod-slots"
)

// Constraint is how many more replicas one of them allows, with its arithmetic.
type Constraint struct {
	Kind     Binding `json:"kind"`
	Name     string  `json:"name,omitempty"`
	Resource string  `json:"resource,omitempty"`
	Replicas int     `json:"replicas"`
	Each     string  `json:"each,omitempty"`
	Used     string  `json:"used,omitempty"`
	Hard     string  `json:"hard,omitempty"`
	// Message is why none is let in, in the API server's or the scheduler's words.
	Message string `json:"message,omitempty"`
	// Formula is the arithmetic with its numbers, and Nodes that of each node,
	// where that was asked for.
	Formula string      `json:"formula,omitempty"`
	Nodes   []NodeShare `json:"nodes,omitempty"`

	each, used resource.Quantity
	// claimed: what takes of it are claims for devices, and not the pod itself.
	claimed bool
}

// Update is what replacing all pods takes.
type Update struct {
	// Surge and Unavailable are maxSurge and maxUnavailable in pods.
	Surge       int `json:"surge"`
	Unavailable int `json:"unavailable"`
	// Room is how many of the extra pods there is room for; nil where that is not limited.
	Room *int `json:"room"`
	// Stalls says that the update could not begin.
	Stalls bool `json:"stalls"`
	// Peak is how many pods count at the worst moment: all new ones beside all old
	// ones, if those take long to shut down. PeakFits says that there is room.
	Peak     int  `json:"peak"`
	PeakFits bool `json:"peakFits"`
	// Terminating old pods count now.
	Terminating int `json:"terminating"`
	// Formula is the arithmetic of the peak, where that was asked for.
	Formula string `json:"formula,omitempty"`
}

// Autoscaled is what the workload's HorizontalPodAutoscaler may ask for.
type Autoscaled struct {
	Name string `json:"name"`
	Max  int    `json:"max"`
	// Missing is how many of them there is no room for.
	Missing int `json:"missing"`
	// Formula is the arithmetic, where that was asked for.
	Formula string `json:"formula,omitempty"`
}

// HeadroomOf answers. A named workload that is not there is a *rule.NotFoundError.
func HeadroomOf(s *snapshot.Snapshot, q Query, catalogue finding.Catalogue, l lang.Lang) (HeadroomReport, error) {
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return HeadroomReport{}, err
	}
	works := q.works(s, scaled())
	h := &headroom{s: s, spaces: map[string]*Space{}, explain: q.Explain}
	h.cluster, h.waiting, h.noRoom = clusterOf(s)
	current := revisions(s)
	report := HeadroomReport{Headroom: []Headroom{}, Waiting: len(h.waiting)}
	asked := finding.Scope{Context: s.Context, Namespace: q.Namespace}
	var targets []finding.Ref
	for _, w := range works {
		targets = append(targets, w.Ref)
		asked.Targets = append(asked.Targets, w.Ref.String())
		report.Headroom = append(report.Headroom, h.of(w.as(current[w.Ref])))
	}
	h.together(works)
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	findings := rule.Diagnose(rule.NewScope(targets...), h.found, catalogue, l)
	report.Report = finding.NewReport("quota headroom", s.TakenAt, asked, findings, append(unread.NotChecked(s), onlyWritten(s, l)...), s.Requests)
	return report, nil
}

// scaled are the kinds that have replicas.
func scaled() []snapshot.Kind { return []snapshot.Kind{"Deployment", "StatefulSet", "ReplicaSet"} }

// works resolves the query: what is named, else what nobody owns of some kinds.
// What is named and not there, rule.Exist tells.
func (q Query) works(s *snapshot.Snapshot, kinds []snapshot.Kind) []Work {
	var out []Work
	for _, t := range q.Targets {
		if o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); a.State == snapshot.Present {
			if w, ok := WorkOf(o); ok {
				out = append(out, w)
			}
		}
	}
	if len(q.Targets) > 0 {
		return out
	}
	for _, kind := range kinds {
		for _, o := range s.OfKind(kind, q.Namespace) {
			if w, ok := topWorkOf(o); ok && q.matches(o) {
				out = append(out, w)
			}
		}
	}
	return out
}

// headroom is the work on one report.
type headroom struct {
	s       *snapshot.Snapshot
	spaces  map[string]*Space
	cluster *fit.Cluster
	waiting []*corev1.Pod
	noRoom  error
	found   []finding.Finding
	explain bool
}

func (h *headroom) space(namespace string) *Space {
	if h.spaces[namespace] == nil {
		h.spaces[namespace] = NewSpace(RulesFor(h.s, namespace), h.s.TakenAt)
	}
	return h.spaces[namespace]
}

func (h *headroom) of(w Work) Headroom {
	space := h.space(w.Ref.Namespace)
	out := Headroom{Workload: w.Ref, Pods: w.Pods, Owed: owed(w), Constraints: []Constraint{}}
	tried := space.admissible(w)
	out.AtMost = len(tried.Unknown) > 0
	pod, _ := tried.Object.(*corev1.Pod)
	if !tried.Admitted() {
		out.Constraints = append(out.Constraints, refusedBy(tried.Refusals)...)
	} else {
		out.Constraints = append(out.Constraints, space.quotaLimits(w, pod)...)
	}
	if h.cluster == nil {
		out.AtMost = true
	} else if pod != nil && w.Ref.Kind != "DaemonSet" {
		out.Constraints = append(out.Constraints, h.nodeLimit(w, pod))
	}
	slices.SortStableFunc(out.Constraints, func(a, b Constraint) int { return cmp.Compare(a.Replicas, b.Replicas) })
	if len(out.Constraints) > 0 {
		first := out.Constraints[0]
		n := max(first.Replicas-out.Owed, 0)
		out.Replicas, out.BindingKind, out.BindingName, out.BindingResource = &n, first.Kind, first.Name, first.Resource
	}
	h.update(w, &out)
	h.autoscaled(w, &out)
	if h.explain {
		out.explain(pod)
	}
	return out
}

// owed is how many pods the controller has been asked for and has not got. A
// controller that has not looked yet says nothing about that.
func owed(w Work) int {
	var seen int64
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		seen = o.Status.ObservedGeneration
	case *appsv1.StatefulSet:
		seen = o.Status.ObservedGeneration
	case *appsv1.ReplicaSet:
		seen = o.Status.ObservedGeneration
	}
	if seen == 0 {
		return 0
	}
	return max(w.Pods-running(w.Object), 0)
}

// admissible asks for one pod with its claims, whatever the quotas have left:
// what else refuses it, and what it looks like once it is stored.
func (s *Space) admissible(w Work) Outcome {
	out, known := s.known[w.Ref]
	if !known {
		out = s.tryAdmissible(w)
		if s.known != nil {
			s.known[w.Ref] = out
		}
	}
	return out
}

func (s *Space) tryAdmissible(w Work) Outcome {
	free := s.clone()
	for _, l := range free.ledgers {
		l.used = corev1.ResourceList{}
	}
	for t := range w.Claims {
		if out := free.Try(w.Claim(t, w.Pods), nil); !out.Admitted() && out.Refusals[0].Cause != Exceeded {
			return out
		}
	}
	out := free.Try(w.Pod(w.Pods), nil)
	if out.Admitted() {
		out = free.claimDevices(w, out)
	}
	if !out.Admitted() && out.Refusals[0].Cause == Exceeded {
		out.Refusals = nil // one pod alone, or its claim, is above the hard limit: the arithmetic says so
	}
	return out
}

// replica is all that one more pod brings: itself, and its claims for volumes and devices.
func (s *Space) replica(w Work, pod *corev1.Pod) []snapshot.Object {
	out := []snapshot.Object{pod}
	for t := range w.Claims {
		if claim := s.Try(w.Claim(t, w.Pods), nil).Object; claim != nil {
			out = append(out, claim)
		}
	}
	for _, claim := range s.deviceClaims(w, pod.Name, &Outcome{}) {
		out = append(out, s.Try(claim, nil).Object)
	}
	return out
}

func refusedBy(refusals []Refusal) []Constraint {
	var out []Constraint
	for _, r := range refusals {
		kind := map[By]Binding{ByQuota: BindsQuota, ByLimitRange: BindsLimitRange, ByValidation: BindsValidation, ByOther: BindsOther}[r.By]
		out = append(out, Constraint{Kind: kind, Name: r.Name, Resource: printedNames(r.Resources), Message: r.Message})
	}
	return out
}

// quotaLimits divides what each quota has left by what one more replica takes:
// its pod and its claims.
func (s *Space) quotaLimits(w Work, pod *corev1.Pod) []Constraint {
	var out []Constraint
	replica := s.replica(w, pod)
	for _, l := range s.ledgers {
		each, claimed := corev1.ResourceList{}, corev1.ResourceList{}
		for _, o := range replica {
			if !l.matches(o) {
				continue
			}
			takes := l.takes(o, s.at)
			addTo(each, takes)
			if meterOf(o) == deviceMeter {
				addTo(claimed, takes)
			}
		}
		for _, name := range names(withoutZeros(each)) {
			hard, used := l.quota.Status.Hard[name], l.used[name]
			c := Constraint{Kind: BindsQuota, Name: l.quota.Name, Resource: string(name), Replicas: times(l.left(name), each[name]), each: each[name], used: used}
			if part, ok := claimed[name]; ok {
				c.claimed = part.Cmp(each[name]) == 0
			}
			c.Each, c.Used, c.Hard = fit.Human(plain(name), each[name], true), fit.Human(plain(name), used, true), fit.Human(plain(name), hard, false)
			out = append(out, c)
		}
	}
	return out
}

// nodeLimit says for how many the nodes have room, and what of them runs out.
func (h *headroom) nodeLimit(w Work, pod *corev1.Pod) Constraint {
	pod = withoutNewClaims(pod, w, nil)
	c := Constraint{Kind: BindsNodes}
	var full fit.Verdict
	binds := map[corev1.ResourceName]int{}
	if h.cluster.LooksAtOthers(pod) {
		c.Replicas, full = h.cluster.Clone().Place(pod, mostPlaced) // the others are to find the cluster as it is
	} else {
		rooms := h.cluster.Rooms(pod)
		c.Replicas, full = rooms.Pods, rooms.Full
		if h.explain {
			c.Nodes = nodeShares(rooms)
		}
	}
	for _, n := range full.Nodes {
		if r := n.Main(); r.Reason == fit.Insufficient {
			binds[r.Shortage.Resource]++
		}
	}
	for name, n := range binds {
		if best := corev1.ResourceName(c.Resource); best == "" || n > binds[best] || n == binds[best] && name < best {
			c.Resource = string(name)
		}
	}
	if c.Resource == string(corev1.ResourcePods) {
		c.Kind = BindsPodSlots
	}
	if len(full.Nodes) > 0 || len(full.Everywhere) > 0 {
		c.Message = full.Message()
	}
	return c
}

// mostPlaced bounds how many pods are placed one after the other.
const mostPlaced = 300

// autoscalerOf is the workload's HorizontalPodAutoscaler, nil where none is known.
func (h *headroom) autoscalerOf(w Work) *autoscalingv2.HorizontalPodAutoscaler {
	all, _ := snapshot.List[*autoscalingv2.HorizontalPodAutoscaler](h.s, w.Ref.Namespace, nil)
	for _, a := range all {
		if t := a.Spec.ScaleTargetRef; t.Kind == w.Ref.Kind && t.Name == w.Ref.Name {
			return a
		}
	}
	return nil
}

// terminating counts the workload's pods that are on their way out.
func (h *headroom) terminating(w Work) int {
	n := 0
	pods, _ := snapshot.List[*corev1.Pod](h.s, w.Ref.Namespace, nil)
	for _, p := range pods {
		if p.DeletionTimestamp != nil && charged(p, h.s.TakenAt) && rule.TemplateOwner(h.s, p) == w.Ref {
			n++
		}
	}
	return n
}
