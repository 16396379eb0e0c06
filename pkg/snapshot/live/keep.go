package live

import "github.com/kubectl-msa/kubectl-msa/pkg/snapshot"

// Keep sets what of each listed object is kept: it is applied page by page, so
// that memory does not follow the size of the objects. The function is called by
// several goroutines. To be set before the first Fill.
func (r *Reader) Keep(reduce func(snapshot.Object) snapshot.Object) { r.keep = reduce }

// kept applies what Keep set, in place.
func (r *Reader) kept(items []snapshot.Object) []snapshot.Object {
	if r.keep != nil {
		for i := range items {
			items[i] = r.keep(items[i])
		}
	}
	return items
}
