package inspect

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// nearestName is the candidate that someone who wrote "want" may have meant, ""
// where none is close: the same but for case and separators, or spelled almost alike.
func nearestName(want string, candidates []string) string {
	best, least := "", min(3, max(1, len(want)/3))+1
	for _, c := range candidates {
		if c == want {
			continue
		}
		d := spelling.Distance(want, c)
		if plainName(want) == plainName(c) {
			d = 0
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

func plainName(s string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
}
