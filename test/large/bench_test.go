package large_test

import (
	"slices"
	"testing"
)

// BenchmarkQuotaAudit states what an audit of all namespaces takes, in bare
// lists of the same objects: "lists" in time, "cpu-lists" in CPU time, which
// other work on the machine does not disturb; and the most memory that the tool
// held. The audit is the tool's own binary, start-up included; the lists are a
// warm process of their own, whose start-up does not count. Medians of all rounds.
func BenchmarkQuotaAudit(b *testing.B) {
	s := cluster(b)
	var audits, lists []cost
	for b.Loop() {
		lists = append(lists, runBare(b, s))
		_, audit := run(b, s, "quota", "audit", "-A", "--fail-on", "none")
		audits = append(audits, audit)
	}
	took := func(c cost) float64 { return c.Took.Seconds() }
	cpu := func(c cost) float64 { return c.CPU.Seconds() }
	b.ReportMetric(median(audits, took)/median(lists, took), "lists")
	b.ReportMetric(median(audits, cpu)/median(lists, cpu), "cpu-lists")
	b.ReportMetric(median(audits, func(c cost) float64 { return float64(c.Peak) })/(1<<20), "MiB")
	b.ReportMetric(median(audits, took), "s/audit")
	b.ReportMetric(median(lists, took), "s/lists")
}

func median(all []cost, of func(cost) float64) float64 {
	values := make([]float64, len(all))
	for i, c := range all {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
