package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestANumberKeepsItsUnit(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"restarted after 361 s, at most", 20, []string{"restarted after", "361 s, at most"}},
		{"95 % of them took 5 ms", 12, []string{"95 % of them", "took 5 ms"}},
		{"every 10 s*, timeout", 8, []string{"every", "10 s*,", "timeout"}},
		{"it's s that stands alone", 6, []string{"it's s", "that", "stands", "alone"}},
		{"% 7", 1, []string{"%", "7"}},
	} {
		if d := cmp.Diff(c.want, wrap(c.text, c.width)); d != "" {
			t.Errorf("%q in %d (-want +got): %s", c.text, c.width, d)
		}
	}
	if got := longestWord("now 77.8 %"); got != len("77.8 %") {
		t.Errorf("the longest word has %d columns", got)
	}
}
