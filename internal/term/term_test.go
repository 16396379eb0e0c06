package term

import (
	"bytes"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestColor(t *testing.T) {
	for _, c := range []struct {
		name string
		flag Color
		tty  bool
		env  func(string) string
		want bool
	}{
		{"terminal", Auto, true, env(), true},
		{"pipe", Auto, false, env(), false},
		{"NO_COLOR", Auto, true, env("NO_COLOR", "1"), false},
		{"NO_COLOR before CLICOLOR_FORCE", Auto, true, env("NO_COLOR", "1", "CLICOLOR_FORCE", "1"), false},
		{"CLICOLOR_FORCE in a pipe", Auto, false, env("CLICOLOR_FORCE", "1"), true},
		{"CLICOLOR_FORCE=0", Auto, false, env("CLICOLOR_FORCE", "0"), false},
		{"dumb terminal", Auto, true, env("TERM", "dumb"), false},
		{"the flag before NO_COLOR", Always, false, env("NO_COLOR", "1"), true},
		{"never", Never, true, env("CLICOLOR_FORCE", "1"), false},
	} {
		if got := c.flag.Use(c.tty, c.env); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestASCII(t *testing.T) {
	for _, c := range []struct {
		env  func(string) string
		want bool
	}{
		{env(), false}, {env("LANG", "ko_KR.UTF-8"), false}, {env("LC_ALL", "C.utf8"), false},
		{env("LC_ALL", "C"), true}, {env("LC_ALL", "C", "LANG", "en_US.UTF-8"), true}, {env("LANG", "POSIX"), true},
	} {
		if got := ASCII(c.env); got != c.want {
			t.Errorf("%q %q: %v", c.env("LC_ALL"), c.env("LANG"), got)
		}
	}
}

// A wait leaves nothing on a stream that nobody watches, nor when it is short.
func TestWaitLeavesNoTrace(t *testing.T) {
	for _, tty := range []bool{false, true} {
		var err bytes.Buffer
		done := Streams{Err: &err, ErrTTY: tty}.Wait("reading")
		done()
		done()
		if err.Len() > 0 {
			t.Errorf("tty %v: %q", tty, err.String())
		}
	}
}
