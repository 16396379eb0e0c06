package live

import (
	"testing"
	"time"
)

func TestClockNarrows(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ahead := 90*time.Second + 300*time.Millisecond // what the server's clock is ahead
	var c clock
	for i, at := range []time.Duration{0, 850 * time.Millisecond, 2600 * time.Millisecond} {
		sent := noon.Add(at)
		got := sent.Add(10 * time.Millisecond)
		date := sent.Add(5 * time.Millisecond).Add(ahead).Truncate(time.Second)
		c.learn(sent, got, date)
		if c.low > ahead || c.high < ahead {
			t.Fatalf("after %d answers between %s and %s, which leaves out %s", i+1, c.low, c.high, ahead)
		}
	}
	if off := c.offset() - ahead; off > 250*time.Millisecond || off < -250*time.Millisecond {
		t.Errorf("three answers leave an error of %s", off)
	}
	c.learn(noon.Add(time.Minute), noon.Add(time.Minute), noon) // somebody set the clock back
	if c.offset() > 0 {
		t.Errorf("a clock that was set is still taken for %s ahead", c.offset())
	}
}
