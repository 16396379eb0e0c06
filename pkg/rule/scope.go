package rule

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Scope is what was asked about and everything reached from it downwards:
// from a Service to the workloads behind it, from those to their pods. Each
// member but a target hangs under the one it was reached through.
type Scope struct {
	Targets []finding.Ref

	order   []finding.Ref
	parents map[finding.Ref]finding.Ref
	members map[finding.Ref]bool
}

// NewScope begins a scope with its targets.
func NewScope(targets ...finding.Ref) *Scope {
	sc := &Scope{parents: map[finding.Ref]finding.Ref{}, members: map[finding.Ref]bool{}}
	for _, t := range targets {
		if !sc.members[t] {
			sc.Targets = append(sc.Targets, t)
			sc.members[t] = true
			sc.order = append(sc.order, t)
		}
	}
	return sc
}

// Add hangs child under parent. The first way an object was reached stays.
func (sc *Scope) Add(parent, child finding.Ref) {
	if !sc.members[child] {
		sc.members[child] = true
		sc.parents[child] = parent
		sc.order = append(sc.order, child)
	}
}

// Has says whether the object was reached.
func (sc *Scope) Has(r finding.Ref) bool { return sc.members[r.Object()] }

// Members lists all that was reached, in the order in which it was.
func (sc *Scope) Members() []finding.Ref { return sc.order }

// Chain leads from the target to the object, both included.
func (sc *Scope) Chain(r finding.Ref) []finding.Ref {
	r = r.Object()
	if !sc.members[r] {
		return []finding.Ref{r}
	}
	var up []finding.Ref
	for at, ok := r, true; ok; at, ok = sc.parents[at] {
		up = append(up, at)
	}
	for i, j := 0, len(up)-1; i < j; i, j = i+1, j-1 {
		up[i], up[j] = up[j], up[i]
	}
	return up
}

// Under says whether r is, or hangs below, the ancestor.
func (sc *Scope) Under(ancestor, r finding.Ref) bool {
	for _, at := range sc.Chain(r) {
		if at == ancestor.Object() {
			return true
		}
	}
	return false
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
