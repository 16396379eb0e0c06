// Package upstreamprobe holds what "probe run" makes of an answer against the
// kubelet's own probers (k8s.io/kubernetes/pkg/probe). It is a module of its
// own, because those are no library that the product should depend on.
package upstreamprobe
