package live

import "time"

// clock knows how far the API server's clock is from the local one. An answer's
// Date has whole seconds, rounded down, and was written between the request and
// the answer; each answer narrows the interval in which the difference lies.
type clock struct {
	low, high time.Duration
	known     bool
}

// learn takes an answer's Date, and the local times at which the request was
// sent and the answer came. An answer that contradicts those before says that a
// clock was set: it begins anew.
func (c *clock) learn(sent, got, date time.Time) {
	low, high := date.Sub(got), date.Add(time.Second).Sub(sent)
	if !c.known || low > c.high || high < c.low {
		c.low, c.high, c.known = low, high, true
		return
	}
	c.low, c.high = max(c.low, low), min(c.high, high)
}

// offset is what has to be added to the local time: the middle of what is possible.
func (c *clock) offset() time.Duration { return c.low + (c.high-c.low)/2 }
