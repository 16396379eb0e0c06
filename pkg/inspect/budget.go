package inspect

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What an answer may cost, in requests to the API server, whatever is wrong and
// however many replicas there are. The pages of a long list count as one.
const (
	podRequests     = 8
	objectRequests  = 10
	trafficRequests = 12 // several Services and what lies behind them
	routedRequests  = 15 // a Service, what lies behind it, and what routes to it
	manyRequests    = 20
)

// spare is left, where requests run short, for what the answers to them will
// want: the Secret that an event names is worth more than the last kind in the list.
const spare = 3

// fewLogs are read before the last of the objects where requests run short.
const fewLogs = 2

// budget bounds the requests that answer the query. What was asked for by name is read in any case.
func budget(q Query) int {
	if len(q.Targets) != 1 {
		return manyRequests + len(q.Targets)
	}
	switch q.Targets[0].Kind {
	case "Pod":
		return podRequests
	case "Ingress", "Gateway", "HTTPRoute", "GRPCRoute":
		return trafficRequests
	}
	return objectRequests
}

// spent counts the requests that a snapshot took, as the budget has them.
func spent(s *snapshot.Snapshot) int {
	n := len(s.Logs())
	if discovered(s) {
		n++
	}
	for _, r := range s.Readings() {
		if !r.NotServed || !addOn(r.Need.Kind) { // discovery has said so, and nothing was asked
			n++
		}
	}
	return n
}

// discovered says that the API server was asked which kinds add-ons bring: once for all of them.
func discovered(s *snapshot.Snapshot) bool {
	for _, r := range s.Readings() {
		if addOn(r.Need.Kind) {
			return true
		}
	}
	return false
}

// cost is how many requests these reads are at most: the first of an add-on's
// kind asks what is served too, and what is then known not to be is not asked for.
func cost(s *snapshot.Snapshot, objects []snapshot.Need) int {
	n, asks := 0, false
	for _, o := range objects {
		if !unserved(s, o.Kind) {
			n++
			asks = asks || addOn(o.Kind)
		}
	}
	if asks && !discovered(s) {
		n++
	}
	return n
}

// unserved: the API server knows no kind of this add-on, as one of them showed.
func unserved(s *snapshot.Snapshot, k snapshot.Kind) bool {
	_, group := k.Split()
	return addOn(k) && slices.ContainsFunc(s.Readings(), func(r snapshot.Reading) bool {
		_, other := r.Need.Kind.Split()
		return r.NotServed && other == group
	})
}

func addOn(k snapshot.Kind) bool {
	info, known := snapshot.Lookup(k)
	return !known || info.Custom
}

// within cuts what is missing to what the bound leaves: the first of the
// objects, and a few logs before the last of them.
func within(s *snapshot.Snapshot, n snapshot.Needs, bound int) snapshot.Needs {
	left := max(0, bound-spent(s))
	reserved := min(len(n.Logs), fewLogs, left)
	var out snapshot.Needs
	for _, need := range n.Objects {
		if cost(s, append(out.Objects, need)) <= left-reserved {
			out.Objects = append(out.Objects, need)
		}
	}
	out.Logs = n.Logs[:min(len(n.Logs), left-cost(s, out.Objects))]
	return out
}

// affordable is what of the needs is asked for next. The late ones are worth the
// least: where requests run short they wait until nothing else is wanted.
func affordable(s *snapshot.Snapshot, first, late snapshot.Needs, bound int) snapshot.Needs {
	first, late = s.Missing(first), s.Missing(late)
	if first.Empty() {
		return within(s, folded(s, late), bound)
	}
	all := first
	all.Add(late)
	all = folded(s, s.Missing(all))
	if cost(s, all.Objects)+len(all.Logs)+spare <= bound-spent(s) {
		return within(s, all, bound)
	}
	return within(s, folded(s, first), bound)
}

// folded puts lists in the place of many narrower reads: of one kind in one
// namespace, and of one kind in many namespaces, or in several where all are
// looked at anyway; but for lists that were tried in vain.
func folded(s *snapshot.Snapshot, n snapshot.Needs) snapshot.Needs {
	namespaces := fewTargets
	if s.Asked(snapshot.Need{Kind: "Pod"}).State == snapshot.Present {
		namespaces = 1
	}
	inNamespace := func(n snapshot.Need) (wider, part snapshot.Need) {
		return snapshot.Need{Kind: n.Kind, Namespace: n.Namespace}, n
	}
	inAll := func(n snapshot.Need) (wider, part snapshot.Need) {
		return snapshot.Need{Kind: n.Kind}, snapshot.Need{Namespace: n.Namespace}
	}
	n.Objects = foldedBy(s, inAll, namespaces, foldedBy(s, inNamespace, fewTargets, n.Objects))
	return n
}

// foldedBy puts a wider read in the place of those of which it has more than a few different parts.
func foldedBy(s *snapshot.Snapshot, widen func(snapshot.Need) (wider, part snapshot.Need), few int, all []snapshot.Need) []snapshot.Need {
	parts := map[snapshot.Need]map[snapshot.Need]bool{}
	foldable := func(n snapshot.Need) bool { return n.Fields == "" && n.Kind != snapshot.ServerVersionKind }
	for _, n := range all {
		if !foldable(n) {
			continue
		}
		wider, part := widen(n)
		if parts[wider] == nil {
			parts[wider] = map[snapshot.Need]bool{}
		}
		parts[wider][part] = true
	}
	var out []snapshot.Need
	done := map[snapshot.Need]bool{}
	for _, n := range all {
		if wider, _ := widen(n); foldable(n) && len(parts[wider]) > few && !slices.ContainsFunc(s.Readings(), func(r snapshot.Reading) bool { return r.Need == wider }) {
			n = wider
		}
		if !done[n] {
			done[n] = true
			out = append(out, n)
		}
	}
	return out
}

// unasked is what the query still wants where its requests are used up: it is
// neither present nor absent, and is told as not checked.
func (e explainer) unasked(missing snapshot.Needs, bound int) []finding.NotChecked {
	missing = folded(e.s, missing)
	if e.s.Source != snapshot.FromCluster || !within(e.s, missing, bound).Empty() {
		return nil
	}
	why := e.text("why-budget", map[string]any{"n": bound})
	var out []finding.NotChecked
	for _, n := range missing.Objects {
		out = append(out, finding.NotChecked{What: e.unread.Object(n), Why: why})
	}
	for _, n := range missing.Logs {
		out = append(out, finding.NotChecked{What: e.unread.Log(n), Why: why})
	}
	return out
}
