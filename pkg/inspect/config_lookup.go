package inspect

import (
	"sort"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Bounds of look-ups. A pod's inspection may cost 8 requests, of which the pod,
// its owners, the events and a log take 5: three are left. One GET needs less
// permission than a list and moves no other Secret's values, so names are read
// one by one while that fits.
const (
	mostGets         = 3
	mostGetsPerKind  = 2
	mostCertificates = 2
	mostLookups      = 6
)

// wanted is an object that a rule wants to look at.
type wanted struct {
	kind            snapshot.Kind
	namespace, name string
}

// lookupNeeds asks for the ConfigMaps and Secrets that the image and config
// rules want together, so that they share one budget.
func lookupNeeds(s *snapshot.Snapshot, v *survey) snapshot.Needs {
	urgent := pullSecretsWanted(v.pulls)
	for _, p := range v.needed {
		for _, r := range p.references {
			urgent = append(urgent, wanted{r.kind, p.pod.Namespace, r.name})
		}
	}
	var n snapshot.Needs
	byNamespace := map[string][]wanted{}
	var namespaces []string
	var single []snapshot.Need
	for _, w := range unread(s, urgent) {
		if listForbidden(s, w) {
			single = append(single, w.need())
			continue
		}
		if byNamespace[w.namespace] == nil {
			namespaces = append(namespaces, w.namespace)
		}
		byNamespace[w.namespace] = append(byNamespace[w.namespace], w)
	}
	sort.Strings(namespaces)
	for _, ns := range namespaces {
		n.Objects = append(n.Objects, readsFor(byNamespace[ns])...)
	}
	if len(n.Objects) > mostLookups {
		n.Objects = wholeKinds(n.Objects)
	}
	n.Objects = append(n.Objects, single...)
	// Certificates of pods that run well are read only where that is cheap.
	if certificates := unread(s, certificatesWanted(v.secrets)); len(urgent) == 0 && len(certificates) <= mostCertificates {
		for _, w := range certificates {
			n.Objects = append(n.Objects, w.need())
		}
	}
	return n
}

func (w wanted) need() snapshot.Need {
	return snapshot.Need{Kind: w.kind, Namespace: w.namespace, Name: w.name}
}

// unread keeps what nobody has tried to read yet, each once, in order.
func unread(s *snapshot.Snapshot, all []wanted) []wanted {
	var out []wanted
	seen := map[wanted]bool{}
	for _, w := range all {
		if seen[w] {
			continue
		}
		seen[w] = true
		_, a := s.Find(w.kind, w.namespace, w.name)
		if a.State == snapshot.Unknown && (a.NotRead() || s.Asked(w.need()).NotRead() && listForbidden(s, w)) {
			out = append(out, w)
		}
	}
	return out
}

// listForbidden says that the list that would hold it was refused, which it need not be to read the one.
func listForbidden(s *snapshot.Snapshot, w wanted) bool {
	return s.Covered(w.kind, w.namespace, "").Forbidden()
}

// readsFor chooses between one GET for each name and one list of the kind, in one namespace.
func readsFor(all []wanted) []snapshot.Need {
	count := map[snapshot.Kind]int{}
	for _, w := range all {
		count[w.kind]++
	}
	listed := map[snapshot.Kind]bool{}
	for kind, n := range count {
		listed[kind] = n > mostGetsPerKind
	}
	if count[secretKind]+count[configMapKind] > mostGets && !listed[secretKind] && !listed[configMapKind] {
		listed[configMapKind] = true // of the two, the list that is less delicate
	}
	var out []snapshot.Need
	done := map[snapshot.Kind]bool{}
	for _, w := range all {
		switch {
		case !listed[w.kind]:
			out = append(out, w.need())
		case !done[w.kind]:
			done[w.kind] = true
			out = append(out, snapshot.Need{Kind: w.kind, Namespace: w.namespace})
		}
	}
	return out
}

// wholeKinds trades many namespaces' reads for one list of each kind.
func wholeKinds(needs []snapshot.Need) []snapshot.Need {
	var out []snapshot.Need
	done := map[snapshot.Kind]bool{}
	for _, n := range needs {
		if !done[n.Kind] {
			done[n.Kind] = true
			out = append(out, snapshot.Need{Kind: n.Kind})
		}
	}
	return out
}
