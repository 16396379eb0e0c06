package gate

import (
	"regexp"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// longestMessage bounds what a gate may say, in characters: it is kept in the
// journal and shown in one line.
const longestMessage = 200

// styling is what scripts put around words for colour (ECMA-48 control sequences).
var styling = regexp.MustCompile(`\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]`)

// oneLine makes what a gate said fit to show: one line, bounded, and nothing in
// it that could drive a terminal.
func oneLine(s string) string {
	s = styling.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = snapshot.Safe(strings.Join(strings.Fields(s), " "))
	if runes := []rune(s); len(runes) > longestMessage {
		return string(runes[:longestMessage-1]) + "…"
	}
	return s
}

// lastLine is the last line that says something. Of one that was written over
// again and again, as progress is, it is what was left.
func lastLine(output string) string {
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := oneLine(lines[i]); line != "" {
			return line
		}
	}
	return ""
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// mostKept bounds the output that is kept, in bytes: the last line is looked for in it.
const mostKept = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-mostKept):]...)
	if over := len(t.kept) - mostKept; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
