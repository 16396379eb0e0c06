package cli

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// nearest is the candidate that was most likely meant, "" where none is near:
// at most two edits away and fewer than half of the word, or one that begins so.
func nearest(typed string, candidates []string) string {
	best, bestAt := "", 3
	typed = strings.ToLower(typed)
	for _, c := range candidates {
		lower := strings.ToLower(c)
		d := spelling.Distance(typed, lower)
		if d*2 >= len(lower) && d > 0 {
			d = 3
		}
		if len(typed) >= 3 && d > 1 && strings.HasPrefix(lower, typed) {
			d = 1
		}
		if d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}
