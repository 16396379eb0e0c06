package rule

import (
	"iter"
	"slices"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Scope is what was asked about and everything reached from it downwards:
// from a Service to the workloads behind it, from those to their pods. Each
// member but a target hangs under the one it was reached through.
type Scope struct {
	Targets []finding.Ref

	order    []member
	position map[finding.Ref]int32 // of each member in order

	mu     sync.Mutex
	seen   map[string]any // what Members found of each kind at seenAt
	seenAt moment
}

// moment is when a list of members was made: it holds until something comes in.
type moment struct {
	s          *snapshot.Snapshot
	generation int
	members    int
}

// member stands for its parents and children by their positions: a scope may hold tens of thousands.
type member struct {
	ref      finding.Ref
	parents  []int32
	children []int32
}

// NewScope begins a scope with its targets.
func NewScope(targets ...finding.Ref) *Scope {
	sc := &Scope{position: map[finding.Ref]int32{}}
	for _, t := range targets {
		if n := len(sc.order); int(sc.join(t)) == n {
			sc.Targets = append(sc.Targets, t)
		}
	}
	return sc
}

// join makes r a member, if it is none yet, and gives its position.
func (sc *Scope) join(r finding.Ref) int32 {
	at, known := sc.position[r]
	if !known {
		at = int32(len(sc.order)) //nolint:gosec // a scope holds fewer objects than there is memory for
		sc.position[r] = at
		sc.order = append(sc.order, member{ref: r})
	}
	return at
}

// Add hangs child under parent. An object may be reached in several ways, and
// a target from another one; what would close a circle is left out.
func (sc *Scope) Add(parent, child finding.Ref) {
	if child == parent || sc.Has(parent) && sc.Under(child, parent) {
		return
	}
	above, below := sc.join(parent), sc.join(child)
	if !slices.Contains(sc.order[below].parents, above) {
		sc.order[below].parents = append(sc.order[below].parents, above)
		sc.order[above].children = append(sc.order[above].children, below)
	}
}

// Has says whether the object was reached.
func (sc *Scope) Has(r finding.Ref) bool {
	_, ok := sc.position[r.Object()]
	return ok
}

// Len counts what was reached, the targets included.
func (sc *Scope) Len() int { return len(sc.order) }

// Members goes through all that was reached, in the order in which it was.
func (sc *Scope) Members() iter.Seq[finding.Ref] {
	return func(yield func(finding.Ref) bool) {
		for _, m := range sc.order {
			if !yield(m.ref) {
				return
			}
		}
	}
}

// Chain leads from a target to the object, both included, by the way that was
// found first.
func (sc *Scope) Chain(r finding.Ref) []finding.Ref {
	at, known := sc.position[r.Object()]
	if !known {
		return []finding.Ref{r.Object()}
	}
	up := []finding.Ref{sc.order[at].ref}
	for m := sc.order[at]; len(m.parents) > 0; {
		m = sc.order[m.parents[0]]
		up = append(up, m.ref)
	}
	slices.Reverse(up)
	return up
}

// Under says whether r is the ancestor, or hangs below it in any way.
func (sc *Scope) Under(ancestor, r finding.Ref) bool {
	if r.Object() == ancestor.Object() {
		return true
	}
	above, known := sc.position[ancestor.Object()]
	below, reached := sc.position[r.Object()]
	return known && reached && sc.under(above, below)
}

func (sc *Scope) under(ancestor, at int32) bool {
	return slices.ContainsFunc(sc.order[at].parents, func(p int32) bool { return p == ancestor || sc.under(ancestor, p) })
}

// Below lists what hangs below the object in any way, in the order in which it was reached.
func (sc *Scope) Below(r finding.Ref) []finding.Ref {
	at, known := sc.position[r.Object()]
	if !known {
		return nil
	}
	seen := map[int32]bool{at: true}
	var found []int32
	for open := []int32{at}; len(open) > 0; open = open[1:] {
		for _, child := range sc.order[open[0]].children {
			if !seen[child] {
				seen[child] = true
				found = append(found, child)
				open = append(open, child)
			}
		}
	}
	slices.Sort(found)
	var out []finding.Ref
	for _, at := range found {
		out = append(out, sc.order[at].ref)
	}
	return out
}

// Members of one type that were seen, in the order in which they were reached:
// the scope's own list, which is not to be changed. Most rules ask for the same few.
func Members[T snapshot.Object](s *snapshot.Snapshot, sc *Scope) []T {
	var zero T
	kind := string(snapshot.KindOf(zero))
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if now := (moment{s, s.Generation(), len(sc.order)}); sc.seenAt != now {
		sc.seen, sc.seenAt = map[string]any{}, now
	}
	if known, ok := sc.seen[kind].([]T); ok {
		return known
	}
	var out []T
	for r := range sc.Members() {
		if r.Kind != kind {
			continue
		}
		if o, a := snapshot.Get[T](s, r.Namespace, r.Name); a.State == snapshot.Present {
			out = append(out, o)
		}
	}
	out = slices.Clip(out)
	sc.seen[kind] = out
	return out
}

// RefTo names a typed object.
func RefTo(o snapshot.Object) finding.Ref {
	return finding.Ref{Kind: string(snapshot.KindOf(o)), Namespace: o.GetNamespace(), Name: o.GetName()}
}
