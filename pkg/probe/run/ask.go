package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// attempts is how often the kubelet runs a probe that ends in an error of its
// own (prober.go, maxProbeRetries).
const attempts = 3

// Asker asks one pod.
type Asker struct {
	Way Way
	// Commands runs commands in its containers; nil where that is not allowed.
	Commands Commands
	// PodIP is the address that the kubelet asks, and that URLs are made of.
	PodIP string
	// Agent is the kubelet's user agent: "kube-probe/1.36".
	Agent string
}

// Ask runs a probe of a container once, with the kubelet's retries. The error
// is not a verdict: the way broke, or the context ended.
func (a Asker) Ask(ctx context.Context, p *corev1.Probe, c *corev1.Container) (probe.Sample, error) {
	var s probe.Sample
	for range attempts {
		var err error
		if s, err = a.once(ctx, p, c); ctx.Err() != nil {
			return s, context.Cause(ctx)
		} else if err != nil {
			return s, err
		}
		if s.Verdict != probe.Discarded {
			return s, nil
		}
	}
	return s, nil
}

func (a Asker) once(ctx context.Context, p *corev1.Probe, c *corev1.Container) (probe.Sample, error) {
	timeout := time.Duration(probe.Effective(p).TimeoutSeconds) * time.Second
	if p.Exec != nil {
		if a.Commands == nil {
			return probe.Sample{}, errors.New("commands are not allowed")
		}
		return a.command(ctx, p.Exec, c, timeout)
	}
	port, err := portOf(p, c)
	if err != nil {
		return probe.Sample{Verdict: probe.Discarded, Reason: err.Error()}, nil
	}
	ctx, clock := newClock(ctx, timeout)
	defer clock.stop()
	switch {
	case p.HTTPGet != nil:
		req, err := request(ctx, p.HTTPGet, a.host(p.HTTPGet.Host), port, a.Agent)
		if err != nil {
			return probe.Sample{Verdict: probe.Discarded, Reason: err.Error()}, nil
		}
		return (&web{way: a.Way, clock: clock}).get(ctx, req)
	case p.TCPSocket != nil:
		return connect(ctx, a.Way, clock, a.host(p.TCPSocket.Host), port)
	case p.GRPC != nil:
		service := ""
		if p.GRPC.Service != nil {
			service = *p.GRPC.Service
		}
		return check(ctx, a.Way, clock, a.PodIP, port, service, timeout, a.Agent)
	}
	return probe.Sample{Verdict: probe.Discarded, Reason: "missing probe handler"}, nil
}

func (a Asker) host(asked string) string {
	if asked != "" {
		return asked
	}
	return a.PodIP
}

// portOf finds the port as the kubelet does, with its words where it cannot
// (pkg/probe/util.go, ResolveContainerPort).
func portOf(p *corev1.Probe, c *corev1.Container) (int, error) {
	var port intstr.IntOrString
	switch {
	case p.HTTPGet != nil:
		port = p.HTTPGet.Port
	case p.TCPSocket != nil:
		port = p.TCPSocket.Port
	case p.GRPC != nil:
		return int(p.GRPC.Port), nil
	}
	number := port.IntValue()
	if port.Type == intstr.String {
		found := false
		for _, declared := range c.Ports {
			if declared.Name == port.StrVal {
				number, found = int(declared.ContainerPort), true
				break
			}
		}
		if !found {
			n, err := strconv.Atoi(port.StrVal)
			if err != nil {
				return 0, err
			}
			number = n
		}
	}
	if number <= 0 || number >= 65536 {
		return 0, fmt.Errorf("invalid port number: %v", number)
	}
	return number, nil
}
