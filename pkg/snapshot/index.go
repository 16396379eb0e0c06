package snapshot

import (
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// indexFrom is from how many objects on a list is not gone through for each
// selector: with a Service and a Deployment for every few pods, that would cost
// the square of them.
const indexFrom = 64

// labelIndex finds objects by the value of one label. It is made when first
// asked for, and again after an object came in.
type labelIndex struct {
	mu      sync.Mutex
	byValue map[labelKey]map[string][]Object
}

type labelKey struct {
	kind             Kind
	namespace, label string
}

// candidates are the objects that a selector can match: all, or those with the
// value of a label that it asks for.
func (s *Snapshot) candidates(kind Kind, namespace string, selector labels.Selector) []Object {
	all := s.all(kind, namespace)
	if selector == nil || len(all) < indexFrom {
		return all
	}
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			if values := r.ValuesUnsorted(); len(values) == 1 {
				return s.index.find(labelKey{kind, namespace, r.Key()}, values[0], all)
			}
		default: // the others ask for no one value
		}
	}
	return all
}

func (x *labelIndex) find(at labelKey, value string, all []Object) []Object {
	x.mu.Lock()
	defer x.mu.Unlock()
	values, ok := x.byValue[at]
	if !ok {
		values = map[string][]Object{}
		for _, o := range all {
			if v, ok := o.GetLabels()[at.label]; ok {
				values[v] = append(values[v], o)
			}
		}
		if x.byValue == nil {
			x.byValue = map[labelKey]map[string][]Object{}
		}
		x.byValue[at] = values
	}
	return values[value]
}

// forget is for when an object comes in.
func (x *labelIndex) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byValue = nil
}
