// Package spelling finds what someone who misspelt a word may have meant.
package spelling

// longest bounds the work for two words: 64 letters each.
const longest = 64 * 64

// Distance counts the edits between two words: a letter inserted, deleted or
// replaced, or two neighbours exchanged (optimal string alignment). Words are
// compared byte by byte: names in Kubernetes are ASCII.
func Distance(a, b string) int {
	if len(a)*len(b) > longest {
		return max(len(a), len(b)) // nobody mistypes a word that long
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j-1]+cost, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Near says whether a word may be the other misspelt: a quarter of its letters
// may be wrong, and one in any case.
func Near(typed, meant string) bool { return Distance(typed, meant) <= max(1, len(meant)/4) }

// Nearest is the candidate that was probably meant, empty where none is near.
// Of equally near ones the first wins.
func Nearest(typed string, candidates []string) string {
	best, found := "", -1
	for _, c := range candidates {
		if d := Distance(typed, c); Near(typed, c) && (found < 0 || d < found) {
			best, found = c, d
		}
	}
	return best
}
