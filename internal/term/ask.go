package term

import (
	"bufio"
	"fmt"
	"strings"
)

// Ask puts a question on Err and gives the line that is typed, without the
// spaces around it; empty at the end of the input. It does not end before
// something is typed: callers that must go on leave it behind.
func (s Streams) Ask(question string) string {
	fmt.Fprint(s.Err, question+" ")
	line, err := bufio.NewReaderSize(s.In, 16).ReadString('\n')
	if err != nil {
		fmt.Fprintln(s.Err)
	}
	return strings.TrimSpace(line)
}
