package snapshot

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
)

// SeriesNeed asks a Prometheus for time series. Needs are comparable, so that
// the same question asked twice is sent once.
type SeriesNeed struct {
	// Query is in PromQL.
	Query string `json:"query"`
	// Window and Step are seconds: points every Step over the Window that ends when
	// the snapshot was taken. A Window of 0 asks for the values of that moment alone.
	Window int64 `json:"window,omitempty"`
	Step   int64 `json:"step,omitempty"`
}

// Point is a value at a time, in seconds since 1970. Written it is [time, value].
type Point struct {
	At    int64
	Value float64
}

// MarshalJSON writes [time, value].
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([2]any{p.At, p.Value}) }

// UnmarshalJSON reads [time, value].
func (p *Point) UnmarshalJSON(data []byte) error {
	var pair [2]float64
	if err := json.Unmarshal(data, &pair); err != nil {
		return fmt.Errorf("a point is [time, value]: %w", err)
	}
	p.At, p.Value = int64(pair[0]), pair[1]
	return nil
}

// Series is one time series. Points are in order of time, and finite numbers.
type Series struct {
	Labels map[string]string `json:"labels"`
	Points []Point           `json:"points"`
}

// SeriesReading is the answer to a need, or why there is none.
type SeriesReading struct {
	Need   SeriesNeed `json:"need"`
	Series []Series   `json:"series,omitempty"`
	Why    string     `json:"why,omitempty"`
	// Warning is what was said beside the answer: a store of several did not
	// answer, and series may be missing.
	Warning string `json:"warning,omitempty"`
}

// RecordSeries takes an answer in, its labels made safe and what is no finite number left out.
func (s *Snapshot) RecordSeries(r SeriesReading) {
	r.Why, r.Warning = Safe(r.Why), Safe(r.Warning)
	for i := range r.Series {
		labels := make(map[string]string, len(r.Series[i].Labels))
		for k, v := range r.Series[i].Labels {
			labels[Safe(k)] = Safe(v)
		}
		points := make([]Point, 0, len(r.Series[i].Points))
		for _, p := range r.Series[i].Points {
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				points = append(points, p)
			}
		}
		sort.SliceStable(points, func(a, b int) bool { return points[a].At < points[b].At })
		r.Series[i] = Series{Labels: labels, Points: points}
	}
	if s.series == nil {
		s.series = map[SeriesNeed]SeriesReading{}
	}
	s.series[r.Need] = r
}

// Series gives the answer to a need. Present with none in it means that
// Prometheus knows of none.
func (s *Snapshot) Series(n SeriesNeed) ([]Series, Answer) {
	r, ok := s.series[n]
	switch {
	case !ok:
		return nil, Answer{Why: NotRead}
	case r.Why != "":
		return nil, Answer{Why: r.Why}
	}
	return r.Series, Answer{State: Present}
}

// AllSeries lists the answers in order of their needs.
func (s *Snapshot) AllSeries() []SeriesReading {
	out := make([]SeriesReading, 0, len(s.series))
	for _, r := range s.series {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Need, out[j].Need
		if a.Query != b.Query {
			return a.Query < b.Query
		}
		return a.Window < b.Window || a.Window == b.Window && a.Step < b.Step
	})
	return out
}

// MissingSeries is the part of the needs that has not been asked for.
func (s *Snapshot) MissingSeries(needs []SeriesNeed) []SeriesNeed {
	var out []SeriesNeed
	seen := map[SeriesNeed]bool{}
	for _, n := range needs {
		if _, asked := s.series[n]; !asked && !seen[n] {
			out, seen[n] = append(out, n), true
		}
	}
	return out
}
