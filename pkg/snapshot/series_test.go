package snapshot

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSeriesAreMadeSafeAndInOrder(t *testing.T) {
	s := New(FromCluster, time.Time{})
	need := SeriesNeed{Query: "up", Window: 60, Step: 30}
	if _, a := s.Series(need); a.State != Unknown {
		t.Errorf("not asked, and %+v", a)
	}
	s.RecordSeries(SeriesReading{Need: need, Series: []Series{{
		Labels: map[string]string{"pod": "a\x1b[2J"},
		Points: []Point{{30, 2}, {0, 1}, {60, math.NaN()}, {90, math.Inf(1)}},
	}}})
	got, a := s.Series(need)
	if a.State != Present || len(got) != 1 || got[0].Labels["pod"] == "a\x1b[2J" {
		t.Fatalf("%+v %+v", got, a)
	}
	if diff := cmp.Diff([]Point{{0, 1}, {30, 2}}, got[0].Points); diff != "" {
		t.Error(diff)
	}
	if left := s.MissingSeries([]SeriesNeed{need, {Query: "x"}, {Query: "x"}}); len(left) != 1 || left[0].Query != "x" {
		t.Errorf("missing: %+v", left)
	}
	s.RecordSeries(SeriesReading{Need: SeriesNeed{Query: "x"}, Why: "timed out"})
	if _, a := s.Series(SeriesNeed{Query: "x"}); a.State != Unknown || a.Why != "timed out" {
		t.Errorf("%+v", a)
	}
}

func TestPointsReadBack(t *testing.T) {
	data, err := json.Marshal([]Point{{1700000000, 0.25}, {1700000300, 1e9}})
	if err != nil || string(data) != "[[1700000000,0.25],[1700000300,1000000000]]" {
		t.Fatalf("%s, %v", data, err)
	}
	var back []Point
	if err := json.Unmarshal(data, &back); err != nil || back[1] != (Point{1700000300, 1e9}) {
		t.Errorf("%v, %v", back, err)
	}
}
