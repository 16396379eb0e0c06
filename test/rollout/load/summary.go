package load

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Summary is what a run found; the generator's own says what each field means.
type Summary struct {
	Requests, OK, Failed, Retried, Late int
	Failures, Versions                  map[string]int
	PerSecond                           []Second
	FailureList                         []Failure
	// Started is when the first request was due, give or take some milliseconds.
	Started time.Time `json:"-"`
}

// Second is what ended in one second of the run.
type Second struct {
	Second, OK, Failed int
	Versions           map[string]int
}

// Failure is a request that failed.
type Failure struct {
	Time              time.Time
	Kind, Pod, Reason string
	TookMs            float64
	Status            int
}

// String tells in a line how the requests ended.
func (s Summary) String() string {
	return fmt.Sprintf("%d requests, %d failed %v, %d sent twice, %d left late, by version %v", s.Requests, s.Failed, s.Failures, s.Retried, s.Late, s.Versions)
}

// Lost lists the failed requests, a few of them.
func (s Summary) Lost() string {
	var b strings.Builder
	for _, f := range s.FailureList[:min(len(s.FailureList), 10)] {
		fmt.Fprintf(&b, "\n%s %s after %.0f ms: status %d from %s %s", f.Time.UTC().Format("15:04:05.000"), f.Kind, f.TookMs, f.Status, f.Pod, f.Reason)
	}
	return b.String()
}

// Share counts the answers in whole seconds that lie between two moments: how many, and how many from the version.
func (s Summary) Share(from, to time.Time, version string) (all, of int) {
	for _, second := range s.PerSecond {
		begin := s.Started.Add(time.Duration(second.Second) * time.Second)
		if begin.Before(from) || begin.Add(time.Second).After(to) {
			continue
		}
		for v, n := range second.Versions {
			all += n
			if v == version {
				of += n
			}
		}
	}
	return all, of
}

// Interval gives the bounds between which the number of hits out of n lies with
// a probability of at least 99 %, where each is a hit with probability p: half a
// per cent of a binomial distribution is left out at either end.
func Interval(n int, p float64) (low, high int) {
	const tail = 0.005
	switch {
	case p <= 0:
		return 0, 0
	case p >= 1:
		return n, n
	}
	low, high = -1, n
	below := 0.0
	for k := 0; k <= n; k++ {
		below += binomial(n, k, p)
		if low < 0 && below > tail {
			low = k
		}
		if below >= 1-tail {
			high = k
			break
		}
	}
	return max(low, 0), high
}

func binomial(n, k int, p float64) float64 {
	return math.Exp(choose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// choose is the logarithm of n over k.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
