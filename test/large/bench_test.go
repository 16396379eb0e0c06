package large_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/client/clientset/versioned"
)

// bare lists the same objects and does nothing with them: one list after the
// other, in pages, as protobuf.
func bare(ctx context.Context, url string) error {
	config := &rest.Config{Host: url, QPS: -1, ContentConfig: rest.ContentConfig{AcceptContentTypes: "application/vnd.kubernetes.protobuf", ContentType: "application/vnd.kubernetes.protobuf"}}
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("set up the client: %w", err)
	}
	m, err := metrics.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("set up the client of the metrics: %w", err)
	}
	for _, list := range []func(metav1.ListOptions) (string, error){
		func(o metav1.ListOptions) (string, error) {
			l, err := c.CoreV1().Pods("").List(ctx, o)
			return l.Continue, err
		},
		func(o metav1.ListOptions) (string, error) {
			l, err := c.AppsV1().ReplicaSets("").List(ctx, o)
			return l.Continue, err
		},
		func(o metav1.ListOptions) (string, error) {
			l, err := c.AppsV1().Deployments("").List(ctx, o)
			return l.Continue, err
		},
		func(o metav1.ListOptions) (string, error) {
			l, err := c.CoreV1().Nodes().List(ctx, o)
			return l.Continue, err
		},
		func(o metav1.ListOptions) (string, error) {
			l, err := m.MetricsV1beta1().PodMetricses("").List(ctx, o)
			return l.Continue, err
		},
	} {
		options := metav1.ListOptions{Limit: pageSize}
		for {
			if options.Continue, err = list(options); err != nil {
				return err
			}
			if options.Continue == "" {
				break
			}
		}
	}
	return nil
}

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
