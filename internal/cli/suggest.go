package cli

import "strings"

// nearest is the candidate that was most likely meant, "" where none is near:
// at most two edits away and fewer than half of the word, or one that begins so.
func nearest(typed string, candidates []string) string {
	best, bestAt := "", 3
	typed = strings.ToLower(typed)
	for _, c := range candidates {
		lower := strings.ToLower(c)
		d := distance(typed, lower)
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

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that lead from a to b (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x)*len(y) > 4096 {
		return 4096 // nobody mistypes a word that long
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			same := 1
			if x[i-1] == y[j-1] {
				same = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+same)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
