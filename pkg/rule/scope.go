package rule

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Scope is what was asked about and everything reached from it downwards:
// from a Service to the workloads behind it, from those to their pods. Each
// member but a target hangs under the one it was reached through.
type Scope struct {
	Targets []finding.Ref

	order    []finding.Ref
	parents  map[finding.Ref][]finding.Ref
	children map[finding.Ref][]finding.Ref
	members  map[finding.Ref]int // where each stands in order
}

// NewScope begins a scope with its targets.
func NewScope(targets ...finding.Ref) *Scope {
	sc := &Scope{parents: map[finding.Ref][]finding.Ref{}, children: map[finding.Ref][]finding.Ref{}, members: map[finding.Ref]int{}}
	for _, t := range targets {
		if !sc.member(t) {
			sc.Targets = append(sc.Targets, t)
			sc.join(t)
		}
	}
	return sc
}

func (sc *Scope) member(r finding.Ref) bool {
	_, ok := sc.members[r]
	return ok
}

func (sc *Scope) join(r finding.Ref) {
	sc.members[r] = len(sc.order)
	sc.order = append(sc.order, r)
}

// Add hangs child under parent. An object may be reached in several ways, and
// a target from another one; what would close a circle is left out.
func (sc *Scope) Add(parent, child finding.Ref) {
	if child == parent || sc.member(parent) && sc.Under(child, parent) {
		return
	}
	if !sc.member(child) {
		sc.join(child)
	}
	if !slices.Contains(sc.parents[child], parent) {
		sc.parents[child] = append(sc.parents[child], parent)
		sc.children[parent] = append(sc.children[parent], child)
	}
}

// Has says whether the object was reached.
func (sc *Scope) Has(r finding.Ref) bool { return sc.member(r.Object()) }

// Members lists all that was reached, in the order in which it was.
func (sc *Scope) Members() []finding.Ref { return sc.order }

// Chain leads from a target to the object, both included, by the way that was
// found first.
func (sc *Scope) Chain(r finding.Ref) []finding.Ref {
	up := []finding.Ref{r.Object()}
	for parents := sc.parents[r.Object()]; len(parents) > 0; parents = sc.parents[parents[0]] {
		up = append(up, parents[0])
	}
	slices.Reverse(up)
	return up
}

// Under says whether r is the ancestor, or hangs below it in any way.
func (sc *Scope) Under(ancestor, r finding.Ref) bool {
	if r.Object() == ancestor.Object() {
		return true
	}
	return slices.ContainsFunc(sc.parents[r.Object()], func(parent finding.Ref) bool { return sc.Under(ancestor, parent) })
}

// Below lists what hangs below the object in any way, in the order in which it was reached.
func (sc *Scope) Below(r finding.Ref) []finding.Ref {
	var out []finding.Ref
	seen := map[finding.Ref]bool{r.Object(): true}
	for open := []finding.Ref{r.Object()}; len(open) > 0; open = open[1:] {
		for _, child := range sc.children[open[0]] {
			if !seen[child] {
				seen[child] = true
				out = append(out, child)
				open = append(open, child)
			}
		}
	}
	slices.SortFunc(out, func(a, b finding.Ref) int { return sc.members[a] - sc.members[b] })
	return out
}

// Members of one type that were seen, in the order in which they were reached.
func Members[T snapshot.Object](s *snapshot.Snapshot, sc *Scope) []T {
	var zero T
	kind := string(snapshot.KindOf(zero))
	var out []T
	for _, r := range sc.order {
		if r.Kind != kind {
			continue
		}
		if o, a := snapshot.Get[T](s, r.Namespace, r.Name); a.State == snapshot.Present {
			out = append(out, o)
		}
	}
	return out
}

// RefTo names a typed object.
func RefTo(o snapshot.Object) finding.Ref {
	return finding.Ref{Kind: string(snapshot.KindOf(o)), Namespace: o.GetNamespace(), Name: o.GetName()}
}
