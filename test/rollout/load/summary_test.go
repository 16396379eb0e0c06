package load_test

import (
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
)

// The bounds are those of published tables and of exact arithmetic.
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		n         int
		p         float64
		low, high int
	}{
		{10, 0.5, 1, 9},    // P(0) = 1/1024 < 0.005 < P(≤1) = 11/1024
		{100, 0.5, 37, 63}, // the usual two-sided 1 % critical values of the sign test
		{1000, 0, 0, 0},    //
		{1000, 1, 1000, 1000},
		{1, 0.25, 0, 1},
	} {
		if low, high := load.Interval(c.n, c.p); low != c.low || high != c.high {
			t.Errorf("Interval(%d, %v) = %d, %d, want %d, %d", c.n, c.p, low, high, c.low, c.high)
		}
	}
}

func TestShareTakesWholeSecondsOnly(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := load.Summary{Started: start}
	for i := range 5 {
		s.PerSecond = append(s.PerSecond, load.Second{Second: i, Versions: map[string]int{"v1": 10, "v2": 1 << i}})
	}
	all, of := s.Share(start.Add(500*time.Millisecond), start.Add(3500*time.Millisecond), "v2")
	if all != 20+2+4 || of != 2+4 {
		t.Errorf("all %d, of v2 %d", all, of)
	}
}
