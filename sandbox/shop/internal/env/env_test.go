package env

import (
	"strings"
	"testing"
	"time"
)

func TestEveryBadValueIsNamed(t *testing.T) {
	values := map[string]string{
		"DURATION": "fast", "NEGATIVE": "-1s", "INT": "12x", "RANGE": "70000", "SHARE": "1.5", "NAN": "NaN", "BOOL": "maybe",
	}
	r := &Reader{Get: func(name string) string { return values[name] }}
	if d := r.Duration("DURATION", time.Second); d != time.Second {
		t.Errorf("a bad duration gives %s, not the fallback", d)
	}
	r.Duration("NEGATIVE", 0)
	r.Int("INT", 0, 0, 10)
	r.Int("RANGE", 0, 0, 65535)
	r.Share("SHARE")
	r.Share("NAN")
	r.Bool("BOOL")
	r.Required("MISSING")
	err := r.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"DURATION", "NEGATIVE", "INT", "RANGE", "SHARE", "NAN", "BOOL", "MISSING"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %q", name, err)
		}
	}
}

func TestGoodValues(t *testing.T) {
	values := map[string]string{"D": "1.5s", "I": "65535", "S": "0.25", "B": "true", "L": "A, B,,C", "T": "text"}
	r := &Reader{Get: func(name string) string { return values[name] }}
	if r.Duration("D", 0) != 1500*time.Millisecond || r.Int("I", 0, 0, 65535) != 65535 || r.Share("S") != .25 || !r.Bool("B") || r.String("T", "x") != "text" {
		t.Error("a good value was not read")
	}
	if l := strings.Join(r.List("L"), "|"); l != "A|B|C" {
		t.Errorf("list = %s", l)
	}
	if r.Duration("unset", time.Minute) != time.Minute || r.Int("unset", 7, 0, 9) != 7 || r.String("unset", "x") != "x" || r.Bool("unset") || len(r.List("unset")) != 0 {
		t.Error("a variable that is not set does not give the fallback")
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}
