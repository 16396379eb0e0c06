package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// clock is a clock that stands still.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newSet(t *testing.T, values map[string]string) (*Set, *clock) {
	t.Helper()
	c := &clock{time.Unix(1000, 0)}
	s, err := NewSet(func(name string) string { return values[name] }, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestTimedFaults(t *testing.T) {
	s, c := newSet(t, map[string]string{"UNREADY": "10s", "DEADLOCK_AFTER": "20s"})
	for _, step := range []struct {
		after               time.Duration
		unready, deadlocked bool
	}{{0, false, false}, {9 * time.Second, false, false}, {10 * time.Second, true, false}, {20 * time.Second, true, true}} {
		c.t = time.Unix(1000, 0).Add(step.after)
		if s.Unready() != step.unready || s.Deadlocked() != step.deadlocked {
			t.Errorf("after %s: unready %v, deadlocked %v", step.after, s.Unready(), s.Deadlocked())
		}
	}
	if always, _ := newSet(t, map[string]string{"UNREADY": "always"}); !always.Unready() {
		t.Error("UNREADY=always is ready")
	}
	if none, _ := newSet(t, nil); none.Unready() || none.Deadlocked() {
		t.Error("a fault without being asked")
	}
}

func TestErrorRate(t *testing.T) {
	for rate, want := range map[string]int{"1": 503, "0": 0} {
		s, _ := newSet(t, map[string]string{"ERROR_RATE": rate, "ERROR_CODE": "503"})
		for range 20 {
			if status, err := s.Request(t.Context()); status != want || err != nil {
				t.Fatalf("rate %s: %d, %v; want %d", rate, status, err, want)
			}
		}
	}
}

func TestWaitsEndWithTheRequest(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, values := range map[string]map[string]string{
		"latency":  {"LATENCY": "1h", "HEALTH_LATENCY": "1h"},
		"deadlock": {"DEADLOCK_AFTER": "0s"},
	} {
		s, _ := newSet(t, values)
		if _, err := s.Request(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: request: %v", name, err)
		}
		if err := s.Health(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: health: %v", name, err)
		}
	}
	if s, _ := newSet(t, map[string]string{"LATENCY": "1h"}); s.Health(t.Context()) != nil {
		t.Error("LATENCY acts on health")
	}
}

func TestChange(t *testing.T) {
	s, c := newSet(t, map[string]string{"ERROR_RATE": "1", "UNREADY": "10s"})
	c.t = c.t.Add(time.Minute)
	for name, changes := range map[string]map[string]string{
		"a fault of the start": {"CRASH_AFTER": "1s"},
		"a bad value":          {"ERROR_RATE": "2", "LATENCY": "1s"},
	} {
		if s.Change(changes) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if v := s.Values(); v["ERROR_RATE"] != "1" || v["LATENCY"] != "" || !s.Unready() {
		t.Errorf("a refused change changed something: %v", v)
	}
	if err := s.Change(map[string]string{"ERROR_RATE": ""}); err != nil {
		t.Fatal(err)
	}
	if _, still := s.Values()["ERROR_RATE"]; still || s.Unready() {
		t.Error("a cleared fault stays, or delays do not count from the change on")
	}
}

func TestStart(t *testing.T) {
	read := func(values map[string]string) (Start, error) {
		r := &env.Reader{Get: func(name string) string { return values[name] }}
		s := ReadStart(r)
		return s, r.Err()
	}
	atOnce, err := read(map[string]string{"CRASH_AFTER": "0s", "CRASH_CODE": "42", "CRASH_MESSAGE": "no disk"})
	if err != nil {
		t.Fatal(err)
	}
	var exit *Exit
	if err := atOnce.Wait(t.Context()); !errors.As(err, &exit) || exit.Code != 42 || exit.Message != "no disk" {
		t.Errorf("crash at once: %v", err)
	}
	later, _ := read(map[string]string{"CRASH_AFTER": "1ms", "CRASH_CODE": "0"})
	if err := later.Wait(t.Context()); err != nil {
		t.Errorf("a later crash came before the start: %v", err)
	}
	if err := later.Run(t.Context()); !errors.As(err, &exit) || exit.Code != 0 {
		t.Errorf("crash after 1ms: %v", err)
	}
	if _, err := read(map[string]string{"REQUIRE_ENV": "A,B", "A": "x"}); err == nil {
		t.Error("the missing variable B was not noticed")
	}
}

func TestTakenMemoryIsResident(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	before := residentPages(t)
	go func() { TakeMemory(ctx, 200); close(done) }()
	grown := 32 << 20 / os.Getpagesize()
	for deadline := time.Now().Add(10 * time.Second); residentPages(t) < before+grown; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d pages before, %d after 10 s", before, residentPages(t))
		}
	}
	cancel()
	<-done
}

func residentPages(t *testing.T) (pages int) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	if _, err := fmt.Sscanf(string(data), "%d %d", new(int), &pages); err != nil {
		t.Fatal(err)
	}
	return pages
}
