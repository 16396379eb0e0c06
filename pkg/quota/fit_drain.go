package quota

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Drain is what becomes of the pods of nodes that are drained.
type Drain struct {
	Nodes []string `json:"nodes"`
	// Pods have to leave; Fits of them find room elsewhere, nil where that is not known.
	Pods int  `json:"pods"`
	Fits *int `json:"fits"`
	// Stays counts the pods of DaemonSets and static pods, which a drain leaves.
	Stays int `json:"stays"`
	// Lost are pods that nobody makes anew.
	Lost []string `json:"lost"`
	// Budgets are the PodDisruptionBudgets over the pods that leave, as far as they could be read.
	Budgets      []Budget `json:"budgets"`
	BudgetsKnown bool     `json:"budgetsKnown"`
}

// Budget is a PodDisruptionBudget over pods that have to leave.
type Budget struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Pods have to leave, Allowed of them may be missing at a time now.
	Pods    int `json:"pods"`
	Allowed int `json:"allowed"`
	// Blocks says that the drain comes to a stop at it.
	Blocks bool `json:"blocks"`

	stuck   int
	overlap string
	held    *policyv1.PodDisruptionBudget
	owners  []finding.Ref
}

// drain asks for a place for every pod that has to leave, and counts the others.
func (f *fitter) drain() *Drain {
	d := &Drain{Nodes: f.q.Drain, Lost: []string{}, Budgets: []Budget{}}
	if f.cluster == nil {
		return d
	}
	for _, p := range f.bound {
		if slices.Contains(f.q.Drain, p.Spec.NodeName) && leavesRoom(p) {
			d.Stays++
		}
	}
	byOwner := map[finding.Ref]*ask{}
	groups := map[string]int{}
	for _, p := range f.leaving {
		if p.DeletionTimestamp != nil {
			continue
		}
		d.Pods++
		owner := metav1.GetControllerOfNoCopy(p)
		if owner == nil {
			d.Lost = append(d.Lost, p.Namespace+"/"+p.Name)
			continue
		}
		ref := rule.TemplateOwner(f.s, p)
		a := byOwner[ref]
		if a == nil {
			a = &ask{ref: ref}
			byOwner[ref] = a
			f.asks = append(f.asks, a)
		}
		a.asked++
		key := string(owner.UID) + "/" + owner.Name
		if i, known := groups[key]; known && !fit.UsesClaims(p) {
			f.batches[i].Pods++
			continue
		}
		groups[key] = len(f.batches)
		a.batches = append(a.batches, len(f.batches))
		f.batches = append(f.batches, fit.Batch{Pod: anew(p), Pods: 1})
	}
	slices.SortStableFunc(f.asks, func(a, b *ask) int {
		return strings.Compare(a.ref.Namespace+"/"+a.ref.String(), b.ref.Namespace+"/"+b.ref.String())
	})
	return d
}

// anew is the pod that its controller makes in the place of one that was evicted.
func anew(p *corev1.Pod) *corev1.Pod {
	out := *p
	out.UID, out.Spec.NodeName, out.Status = "", "", corev1.PodStatus{Phase: corev1.PodPending}
	return &out
}

// drained sums up, and holds what finds no room against the budgets.
func (f *fitter) drained(d *Drain, all []Fit) {
	if d == nil {
		return
	}
	fits := 0
	homeless := map[finding.Ref]int{}
	for _, r := range all {
		fits += *r.Fits
		homeless[r.Workload] = r.Asked - *r.Fits
	}
	d.Fits = &fits
	budgets, a := snapshot.List[*policyv1.PodDisruptionBudget](f.s, "", nil)
	if d.BudgetsKnown = a.State == snapshot.Present; !d.BudgetsKnown {
		return
	}
	covered := map[string]string{}
	for _, b := range budgets {
		at := f.budget(b, covered)
		if at.Pods == 0 {
			continue
		}
		for _, owner := range at.owners {
			at.stuck += homeless[owner]
		}
		at.stuck = min(at.stuck, at.Pods)
		at.Blocks = at.Allowed == 0 || at.stuck > at.Allowed || at.overlap != ""
		if at.Blocks {
			f.reportDrain(at)
		}
		d.Budgets = append(d.Budgets, at)
	}
}

// budget counts the pods that the budget would be asked about (registry/core/pod/rest/eviction.go).
func (f *fitter) budget(b *policyv1.PodDisruptionBudget, covered map[string]string) Budget {
	at := Budget{Namespace: b.Namespace, Name: b.Name, Allowed: int(b.Status.DisruptionsAllowed), held: b}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return at
	}
	for _, p := range f.leaving {
		if p.Namespace != b.Namespace || p.DeletionTimestamp != nil || !selector.Matches(labels.Set(p.Labels)) || !counts(b, p) {
			continue
		}
		at.Pods++
		key := p.Namespace + "/" + p.Name
		if other := covered[key]; other != "" {
			at.overlap = other
		}
		covered[key] = b.Name
		if owner := rule.TemplateOwner(f.s, p); !slices.Contains(at.owners, owner) {
			at.owners = append(at.owners, owner)
		}
	}
	return at
}

// counts: a pod that does not run yet is evicted without asking; one that runs
// and is not ready as the budget's policy says.
func counts(b *policyv1.PodDisruptionBudget, p *corev1.Pod) bool {
	if p.Status.Phase == corev1.PodPending {
		return false
	}
	if slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}) {
		return true
	}
	if policy := b.Spec.UnhealthyPodEvictionPolicy; policy != nil && *policy == policyv1.AlwaysAllow {
		return false
	}
	return b.Status.CurrentHealthy < b.Status.DesiredHealthy || b.Status.DesiredHealthy == 0
}

func (f *fitter) reportDrain(b Budget) {
	ref := finding.Ref{Kind: "PodDisruptionBudget", Namespace: b.Namespace, Name: b.Name}
	g := finding.Finding{Rule: "quota/drain-blocked", Object: ref, Confidence: finding.Certain}
	if b.Allowed > 0 && b.overlap == "" {
		g.Confidence = finding.Likely // pods elsewhere may go meanwhile
	}
	g.Args = map[string]any{
		"node": strings.Join(f.q.Drain, ", "), "nodes": len(f.q.Drain), "pdb": b.Name, "namespace": b.Namespace, "allowed": b.Allowed, "pods": b.Pods,
		"stuck": b.stuck, "overlap": b.overlap, "healthy": int(b.held.Status.CurrentHealthy), "desired": int(b.held.Status.DesiredHealthy),
	}
	g.Evidence = []finding.Evidence{
		{Object: ref.String(), Path: "status.disruptionsAllowed", Value: strconv.Itoa(b.Allowed)},
		{Object: ref.String(), Path: "status.currentHealthy", Value: strconv.Itoa(int(b.held.Status.CurrentHealthy)) + " of " + strconv.Itoa(int(b.held.Status.DesiredHealthy)) + " desired"},
	}
	for _, owner := range b.owners {
		g.Evidence = append(g.Evidence, finding.Evidence{Object: ref.String(), Path: "spec.selector", Value: "covers pods of " + owner.String()})
	}
	f.found = append(f.found, g)
}
