package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// forwardPatience is how long the connection to a pod may take. The API server
// itself waits three times as long for a node that is gone.
const forwardPatience = 10 * time.Second

// atOnce is how many probes are asked at the same time.
const atOnce = 8

// Options say how probes are run.
type Options struct {
	// Samples is how often each is asked, Interval what lies between two of its runs.
	Samples  int
	Interval time.Duration
	// Exec allows commands in containers: exec probes, and a relay where ports cannot be forwarded.
	Exec bool
	// Helper asks from a pod of our own; nil where there is none.
	Helper *HelperPod
	// KeptOut are the pods that it does not reach.
	KeptOut map[*corev1.Pod]bool
	// Agent is the kubelet's user agent.
	Agent string
	// Progress is told how many probes are done; several goroutines call it.
	Progress func(done, of int)
}

// Run asks every question that is to be asked. What could not be asked has its
// reason in the answer; the error is that of a context that ended.
func (c *Cluster) Run(ctx context.Context, questions []probe.Question, o Options) ([]probe.Answer, error) {
	answers := make([]probe.Answer, len(questions))
	visits := map[*corev1.Pod]*visit{}
	for _, q := range questions {
		if visits[q.Pod] == nil {
			visits[q.Pod] = &visit{pod: q.Pod, cluster: c, options: o, forward: c.Forward(q.Pod.Namespace, q.Pod.Name), remote: c.Remote(q.Pod.Namespace, q.Pod.Name)}
		}
	}
	defer func() {
		for _, v := range visits {
			v.forward.Close()
		}
	}()
	var mu sync.Mutex
	done := 0
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, q := range questions {
		group.Go(func() error {
			var err error
			answers[i], err = visits[q.Pod].ask(inner, q)
			mu.Lock()
			defer mu.Unlock()
			done++
			if o.Progress != nil {
				o.Progress(done, len(questions))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return answers, nil
}

// visit is what is done in one pod.
type visit struct {
	pod     *corev1.Pod
	cluster *Cluster
	options Options
	forward *Forward
	remote  *Remote

	mu     sync.Mutex
	chosen func(container string) Way
	barred error
	node   *nodeSeen
}

// way chooses how ports are reached, once for a pod: from the helper pod, by
// port forwarding, or by a relay in a container where that is allowed.
func (v *visit) way(ctx context.Context, container string) (Way, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.barred != nil {
		return nil, v.barred
	}
	if v.chosen == nil {
		if err := v.choose(ctx); err != nil {
			return nil, err
		}
	}
	return v.chosen(container), nil
}

func (v *visit) choose(ctx context.Context) error {
	if h := v.options.Helper; h != nil && !v.options.KeptOut[v.pod] {
		v.chosen = func(string) Way { return h.Way() }
		return nil
	}
	opening, cancel := context.WithTimeoutCause(ctx, forwardPatience, lost("the API server did not reach the kubelet of the pod's node within %s", forwardPatience))
	defer cancel()
	err := v.forward.Open(opening)
	switch {
	case err == nil:
		v.chosen = func(string) Way { return v.forward }
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case v.options.Exec && !apierrors.IsNotFound(err):
		v.chosen = func(container string) Way { return NewRelay(v.remote, container, probe.InContainer) }
	default:
		v.barred = err
		return err
	}
	return nil
}

// ask runs one probe as often as was asked for.
func (v *visit) ask(ctx context.Context, q probe.Question) (probe.Answer, error) {
	a := probe.Answer{Question: q}
	asker, skip, detail, err := v.prepare(ctx, q)
	switch {
	case err != nil && ctx.Err() != nil:
		return a, context.Cause(ctx)
	case err != nil:
		a.Question.Skip, a.Question.Detail = v.gone(ctx, q, err)
		return a, nil
	case skip != "":
		a.Question.Skip, a.Question.Detail = skip, detail
		return a, nil
	}
	a.Transport = probe.InContainer
	if asker.Way != nil {
		a.Transport = asker.Way.Transport()
	}
	for i := range max(1, v.options.Samples) {
		if i > 0 {
			select {
			case <-ctx.Done():
				return a, context.Cause(ctx)
			case <-time.After(v.options.Interval):
			}
		}
		s, err := asker.Ask(ctx, q.Probe, q.Container)
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if err != nil {
			a.Question.Skip, a.Question.Detail = v.gone(ctx, q, err)
			a.Samples = nil
			return a, nil
		}
		a.Samples = append(a.Samples, s)
	}
	a.Loopback = v.compare(ctx, q, asker, a)
	return a, nil
}

// prepare finds out how a question is asked, or why it is not.
func (v *visit) prepare(ctx context.Context, q probe.Question) (asker Asker, skip probe.Skip, detail string, err error) {
	asker = Asker{PodIP: q.Pod.Status.PodIP, Agent: v.options.Agent}
	if q.Skip != "" {
		return asker, q.Skip, q.Detail, nil
	}
	if q.Probe.Exec != nil {
		if !v.options.Exec {
			return asker, probe.ExecNotAsked, strings.Join(q.Probe.Exec.Command, " "), nil
		}
		asker.Commands = v.remote
		return asker, "", "", nil
	}
	host := q.Elsewhere()
	if host != "" && host != q.Pod.Status.PodIP && (v.options.Helper == nil || v.options.KeptOut[q.Pod] || local(host)) {
		return asker, probe.HostElsewhere, host, nil
	}
	asker.Way, err = v.way(ctx, q.Container.Name)
	return asker, "", "", err
}

// local says that a host is the one who asks: for the kubelet the node.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// compare asks the loopback of the pod, where its address refused.
func (v *visit) compare(ctx context.Context, q probe.Question, asker Asker, a probe.Answer) *probe.Sample {
	last := a.Samples[len(a.Samples)-1]
	if asker.Way == nil || a.Transport == probe.PortForward || last.Verdict != probe.Failure || q.Elsewhere() != "" {
		return nil
	}
	if !saysRefused.MatchString(last.Reason) && q.Probe.GRPC == nil {
		return nil
	}
	asker.Way = v.forward
	if a.Transport == probe.InContainer { // ports cannot be forwarded
		asker.Way = &loopbackRelay{NewRelay(v.remote, q.Container.Name, probe.InContainer)}
	}
	s, err := asker.Ask(ctx, q.Probe, q.Container)
	if err != nil {
		return nil
	}
	return &s
}

// loopbackRelay is a relay that asks the pod's loopback, whatever the host.
type loopbackRelay struct{ *Relay }

// Dial connects to loopback.
func (l *loopbackRelay) Dial(ctx context.Context, clock *Clock, _ string, port, exchanges int) (net.Conn, error) {
	return l.Relay.Dial(ctx, clock, "127.0.0.1", port, exchanges)
}

// Reach connects to loopback.
func (l *loopbackRelay) Reach(ctx context.Context, clock *Clock, _ string, port int) (bool, error) {
	return l.Relay.Reach(ctx, clock, "127.0.0.1", port)
}

// gone says why a way broke: because the pod is not there any more, or else.
func (v *visit) gone(ctx context.Context, q probe.Question, err error) (probe.Skip, string) {
	var bar *BarredError
	if errors.As(err, &bar) && bar.Forbidden {
		return probe.NoTransport, bar.Error()
	}
	var pod corev1.Pod
	if seen := v.cluster.pod(ctx, http.MethodGet, q.Pod.Namespace, q.Pod.Name, nil, nil, &pod); apierrors.IsNotFound(seen) ||
		seen == nil && (pod.UID != q.Pod.UID || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning) {
		return probe.PodGone, ""
	}
	if lost, detail := v.nodeLost(ctx, q.Pod.Spec.NodeName); lost {
		return probe.NodeLost, detail
	}
	return probe.NoTransport, shortly(err)
}

// nodeLost says that the node of a pod is gone, or since when its kubelet is not
// heard of. Where nodes may not be read nothing is said.
func (v *visit) nodeLost(ctx context.Context, name string) (lost bool, detail string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.node == nil {
		v.node = &nodeSeen{}
		v.node.err = v.cluster.do(ctx, http.MethodGet, []string{"nodes", name}, nil, nil, &v.node.Node)
	}
	if v.node.err != nil {
		return apierrors.IsNotFound(v.node.err), ""
	}
	for _, c := range v.node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return true, fmt.Sprintf("Ready=%s since %s (%s)", c.Status, c.LastTransitionTime.UTC().Format(time.RFC3339), c.Reason)
		}
	}
	return false, ""
}

// nodeSeen is a node, or why it was not seen.
type nodeSeen struct {
	corev1.Node
	err error
}
