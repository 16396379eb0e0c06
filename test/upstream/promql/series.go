package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// Series is one as it is given: its labels, with its name, and its samples in order.
type Series struct {
	Labels map[string]string `json:"labels"`
	// Points are seconds since the epoch with their values: a number, or a string
	// in the notation of Prometheus' own tests, such as "NaN", "stale" or
	// "{{schema:0 sum:1 count:1 buckets:[1]}}".
	Points [][2]json.RawMessage `json:"points"`
}

// sample is one of a series.
type sample struct {
	of    int
	at    int64
	value float64
	whole *histogram.FloatHistogram
}

// commitEvery is how many samples are written at once.
const commitEvery = 10_000

// fill writes all series beside each other, the earliest samples first, as they
// would have been scraped.
func fill(db *tsdb.DB, all []Series) error {
	var samples []sample
	refs, names := make([]storage.SeriesRef, len(all)), make([]labels.Labels, len(all))
	for i, s := range all {
		names[i] = labels.FromMap(s.Labels)
		for _, p := range s.Points {
			one, err := read(p)
			if err != nil {
				return fmt.Errorf("%s: %w", names[i], err)
			}
			one.of = i
			samples = append(samples, one)
		}
	}
	sort.SliceStable(samples, func(a, b int) bool { return samples[a].at < samples[b].at })
	for len(samples) > 0 {
		n := min(commitEvery, len(samples))
		into := db.AppenderV2(context.Background())
		for _, s := range samples[:n] {
			ref, err := into.Append(refs[s.of], names[s.of], 0, s.at, s.value, nil, s.whole, storage.AppendV2Options{})
			if err != nil {
				return fmt.Errorf("%s at %d: %w", names[s.of], s.at, err)
			}
			refs[s.of] = ref
		}
		if err := into.Commit(); err != nil {
			return err
		}
		samples = samples[n:]
	}
	return nil
}

func read(p [2]json.RawMessage) (sample, error) {
	seconds, err := strconv.ParseFloat(string(p[0]), 64)
	if err != nil {
		return sample{}, err
	}
	s := sample{at: int64(seconds * 1000)}
	text := strings.Trim(string(p[1]), `"`)
	if s.value, err = strconv.ParseFloat(text, 64); err == nil {
		return s, nil
	}
	_, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc("x " + text)
	if err != nil || len(values) != 1 {
		return sample{}, fmt.Errorf("%s is no value: %w", text, err)
	}
	s.value, s.whole = values[0].Value, values[0].Histogram
	return s, nil
}
