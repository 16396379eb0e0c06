package live

import "github.com/kubectl-msa/kubectl-msa/pkg/snapshot"

// Keep sets what of each listed object is kept: it is applied page by page, so
// that memory does not follow the size of the objects. To be set before the first
// Fill.
func (r *Reader) Keep(what snapshot.Keep) { r.keep = what }

// kept applies what Keep set.
func (r *Reader) kept(items []snapshot.Object) []snapshot.Object {
	if r.keep.Reduce != nil {
		for _, o := range items {
			r.keep.Reduce(o)
		}
	}
	return items
}
