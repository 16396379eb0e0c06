package term

import (
	"bytes"
	"strings"
	"testing"
)

// terminal plays the few sequences that a Screen writes, as a terminal with ten columns does.
func terminal(t *testing.T, written string) []string {
	t.Helper()
	const width = 10
	lines, row, col := []string{""}, 0, 0
	for i := 0; i < len(written); i++ {
		switch rest := written[i:]; {
		case strings.HasPrefix(rest, wrapOff), strings.HasPrefix(rest, wrapOn):
			i += len(wrapOff) - 1
		case strings.HasPrefix(rest, clearRest):
			lines[row] = lines[row][:col]
			i += len(clearRest) - 1
		case strings.HasPrefix(rest, clearDown):
			lines[row] = lines[row][:col]
			lines = lines[:row+1]
			i += len(clearDown) - 1
		case strings.HasPrefix(rest, "\x1b["):
			if rest[3] != 'A' {
				t.Fatalf("unknown sequence %q", rest[:4])
			}
			row -= int(rest[2] - '0')
			i += 3
		case rest[0] == '\r':
			col = 0
		case rest[0] == '\n':
			row, col = row+1, 0
			if row == len(lines) {
				lines = append(lines, "")
			}
		default:
			line := lines[row]
			if col < len(line) {
				line = line[:col] + rest[:1] + line[col+1:]
			} else {
				line += rest[:1]
			}
			lines[row] = line
			col = min(col+1, width-1)
		}
	}
	return lines
}

func TestScreenDrawsInPlace(t *testing.T) {
	var out bytes.Buffer
	out.WriteString("before\n")
	c := Streams{Out: &out, OutTTY: true}.NewScreen()
	check := func(err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(terminal(t, out.String()), "|"); got != strings.Join(want, "|") {
			t.Errorf("the terminal shows %q, want %q", got, want)
		}
	}
	check(c.Draw("one\ntwo long\nthree\n", 0), "before", "one", "two long", "three", "")
	check(c.Draw("1\n2\n", 0), "before", "1", "2", "")
	check(c.Draw("longer than the terminal is\nb\nc\nd\n", 3), "before", "longer th", "b", "")
	check(c.Clear(), "before", "")
	check(c.Draw("last", 24), "before", "last", "")
	c.Leave()
	check(c.Draw("below", 24), "before", "last", "below", "")
}

func TestAsk(t *testing.T) {
	for typed, want := range map[string]string{"a \n": "a", "\n": "", "": "", "abort\nmore\n": "abort"} {
		s, out, errs := Test(typed)
		if got := s.Ask("which?"); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
		if out.Len() > 0 || !strings.HasPrefix(errs.String(), "which? ") {
			t.Errorf("%q: %q on Out, %q on Err", typed, out, errs)
		}
	}
}

func TestRedraws(t *testing.T) {
	for _, c := range []struct {
		tty  bool
		term string
		want bool
	}{{true, "xterm", true}, {true, "dumb", false}, {false, "xterm", false}} {
		if got := (Streams{OutTTY: c.tty}).Redraws(env("TERM", c.term)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
