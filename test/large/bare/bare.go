// Package bare lists what an audit lists and does nothing with it: the measure
// that benchmarks hold the tool against.
package bare

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metrics "k8s.io/metrics/pkg/client/clientset/versioned"
)

const (
	pageSize = 500
	protobuf = "application/vnd.kubernetes.protobuf"
)

// List reads pods, ReplicaSets, Deployments, nodes and, where they are served,
// the pods' metrics: one list after the other, in pages, as protobuf.
func List(ctx context.Context, config *rest.Config) error {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.AcceptContentTypes, config.ContentType = protobuf, protobuf
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
			if apierrors.IsNotFound(err) {
				return "", nil
			}
			return l.Continue, err
		},
	} {
		options := metav1.ListOptions{Limit: pageSize}
		for {
			next, err := list(options)
			if err != nil {
				return fmt.Errorf("list: %w", err)
			}
			if options.Continue = next; next == "" {
				break
			}
		}
	}
	return nil
}
