package load

import (
	"slices"
	"time"
)

// maxFailures is how many failures are kept one by one; all are counted.
const maxFailures = 1000

// lateBy is how far behind its schedule a request may leave before the run says
// so: beyond it the generator, not the server, is the bottleneck.
const lateBy = 50 * time.Millisecond

// Summary is what a run found. Times are in milliseconds.
type Summary struct {
	URL       string  `json:"url"`
	Rate      float64 `json:"rate"`
	KeepAlive bool    `json:"keepAlive"`
	// Seconds is how long the run took, the last answers included.
	Seconds     float64 `json:"seconds"`
	Interrupted bool    `json:"interrupted"`
	// Requests = OK + Failed; those given up by an interrupt are in neither.
	Requests int `json:"requests"`
	OK       int `json:"ok"`
	Failed   int `json:"failed"`
	// Retried counts requests that the HTTP client had to send twice because a
	// kept connection was closed under it. They are not failures, but a client
	// that does not retry would have failed.
	Retried int `json:"retried"`
	// Late counts requests that left over 50 ms after they were due.
	Late     int            `json:"late"`
	Failures map[Kind]int   `json:"failures"`
	Statuses map[int]int    `json:"statuses"`
	Versions map[string]int `json:"versions"`
	Pods     map[string]int `json:"pods"`
	// LatencyMs is of the requests that succeeded, counted from when each was
	// due; nil if none did.
	LatencyMs *Latency  `json:"latencyMs"`
	PerSecond []Second  `json:"perSecond"`
	Failure   []Failure `json:"failureList"`

	latencies []time.Duration
}

// Latency holds quantiles by nearest rank.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Second is what ended in one second of the run.
type Second struct {
	Second   int            `json:"second"`
	OK       int            `json:"ok"`
	Failed   int            `json:"failed"`
	Versions map[string]int `json:"versions"`
}

// Failure is one request that failed. Time is when it ended.
type Failure struct {
	Time    time.Time `json:"time"`
	AfterMs float64   `json:"afterMs"`
	TookMs  float64   `json:"tookMs"`
	Kind    Kind      `json:"kind"`
	Status  int       `json:"status,omitempty"`
	Version string    `json:"version,omitempty"`
	Pod     string    `json:"pod,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

func newSummary(c Config) Summary {
	return Summary{
		URL: c.URL, Rate: c.Rate, KeepAlive: c.KeepAlive,
		Failures: map[Kind]int{}, Statuses: map[int]int{}, Versions: map[string]int{}, Pods: map[string]int{},
		PerSecond: []Second{}, Failure: []Failure{},
	}
}

func (s *Summary) add(start time.Time, r result) {
	if r.kind == KindCanceled {
		return
	}
	s.Requests++
	if r.retried {
		s.Retried++
	}
	if r.sent-r.scheduled > lateBy {
		s.Late++
	}
	second := s.second(int(r.done / time.Second))
	if r.status != 0 {
		version := r.version
		if version == "" {
			version = "none"
		}
		s.Statuses[r.status]++
		s.Versions[version]++
		second.Versions[version]++
		if r.pod != "" {
			s.Pods[r.pod]++
		}
	}
	if r.kind == KindOK {
		s.OK++
		second.OK++
		s.latencies = append(s.latencies, r.latency())
		return
	}
	s.Failed++
	second.Failed++
	s.Failures[r.kind]++
	if len(s.Failure) < maxFailures {
		s.Failure = append(s.Failure, failureOf(start, r))
	}
}

func failureOf(start time.Time, r result) Failure {
	f := Failure{
		Time: start.Add(r.done), AfterMs: ms(r.done), TookMs: ms(r.latency()),
		Kind: r.kind, Status: r.status, Version: r.version, Pod: r.pod,
	}
	if r.err != nil {
		f.Reason = r.err.Error()
	}
	return f
}

func (s *Summary) second(n int) *Second {
	for len(s.PerSecond) <= n {
		s.PerSecond = append(s.PerSecond, Second{Second: len(s.PerSecond), Versions: map[string]int{}})
	}
	return &s.PerSecond[n]
}

func (s *Summary) finish(took time.Duration, interrupted bool) {
	s.Seconds, s.Interrupted = took.Seconds(), interrupted
	if len(s.latencies) == 0 {
		return
	}
	slices.Sort(s.latencies)
	s.LatencyMs = &Latency{
		P50: ms(quantile(s.latencies, .5)), P90: ms(quantile(s.latencies, .9)),
		P99: ms(quantile(s.latencies, .99)), P999: ms(quantile(s.latencies, .999)), Max: ms(quantile(s.latencies, 1)),
	}
}

// quantile returns the smallest value that at least the share q do not exceed,
// of at least one value.
func quantile(sorted []time.Duration, q float64) time.Duration {
	rank := int(q * float64(len(sorted)))
	if float64(rank) < q*float64(len(sorted)) {
		rank++
	}
	return sorted[max(rank, 1)-1]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
