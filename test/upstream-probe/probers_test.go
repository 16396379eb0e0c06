package upstreamprobe

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
	upstream "k8s.io/kubernetes/pkg/probe"
	grpcprobe "k8s.io/kubernetes/pkg/probe/grpc"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	tcpprobe "k8s.io/kubernetes/pkg/probe/tcp"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe/run"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
)

const podIP = "127.0.0.1"

// atOnce is how many are asked at the same time; most of them wait.
const atOnce = 48

// atLeast is how many configurations the table has to hold.
const atLeast = 200

// Each probe of the table is run by the kubelet's own prober and by ours, over
// the same kind of connection: the verdicts agree, and the words do too.
func TestSameVerdictAsTheKubeletsProbers(t *testing.T) {
	ports := misbehave.Ports{}
	err := misbehave.Serve(&ports, func(int) (net.Listener, error) { return net.Listen("tcp", podIP+":0") })
	if err != nil {
		t.Fatal(err)
	}
	ports.Closed = closed(t)
	cases := append(misbehave.Cases(ports), grpcCases(t)...)
	if len(cases) < atLeast {
		t.Fatalf("%d configurations, want %d", len(cases), atLeast)
	}
	container := misbehave.Container(ports)
	pairs := make([]pair, len(cases))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, c := range cases {
		group.Go(func() error {
			var err error
			pairs[i], err = both(t.Context(), c.Probe, container)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	names, counts := map[string]bool{}, map[probe.Verdict]int{}
	for i, c := range cases {
		if names[c.Name] {
			t.Errorf("%q stands twice", c.Name)
		}
		names[c.Name] = true
		counts[pairs[i].want]++
		pairs[i].hold(t, c.Name)
	}
	t.Logf("%d configurations: %d succeed, %d fail, %d are discarded", len(cases), counts[probe.Success], counts[probe.Failure], counts[probe.Discarded])
	for _, v := range []probe.Verdict{probe.Success, probe.Failure, probe.Discarded} {
		if counts[v] == 0 {
			t.Errorf("no configuration ends in %s: the table tells nothing of it", v)
		}
	}
}

// kubelet runs a probe as pkg/kubelet/prober does, which exports no more than its loop.
func kubelet(p *corev1.Probe, c *corev1.Container) (v probe.Verdict, words string, warned bool) {
	var result upstream.Result
	var output string
	var err error
	for range 3 { // maxProbeRetries
		if result, output, err = once(p, c); err == nil {
			break
		}
	}
	switch {
	case err != nil:
		return probe.Discarded, err.Error(), false
	case result == upstream.Success:
		return probe.Success, "", false
	case result == upstream.Warning:
		return probe.Success, "", true
	}
	return probe.Failure, output, false
}

func once(p *corev1.Probe, c *corev1.Container) (upstream.Result, string, error) {
	timeout := time.Duration(p.TimeoutSeconds) * time.Second
	switch {
	case p.HTTPGet != nil:
		req, err := httpprobe.NewRequestForHTTPGetAction(p.HTTPGet, c, podIP, "probe")
		if err != nil {
			return upstream.Unknown, "", err
		}
		return httpprobe.New(false).Probe(req, timeout)
	case p.TCPSocket != nil:
		port, err := upstream.ResolveContainerPort(p.TCPSocket.Port, c)
		if err != nil {
			return upstream.Unknown, "", err
		}
		return tcpprobe.New().Probe(podIP, port, timeout)
	}
	service := ""
	if p.GRPC.Service != nil {
		service = *p.GRPC.Service
	}
	return grpcprobe.New().Probe(podIP, service, int(p.GRPC.Port), timeout)
}

func ours(ctx context.Context, p *corev1.Probe, c *corev1.Container) (probe.Sample, error) {
	v := version.Get()
	asker := run.Asker{Way: direct{}, PodIP: podIP, Agent: fmt.Sprintf("kube-probe/%s.%s", v.Major, v.Minor)}
	return asker.Ask(ctx, p, c)
}

// pair is what both make of one configuration.
type pair struct {
	got    probe.Sample
	want   probe.Verdict
	words  string
	warned bool
}

// both asks with each of them, again where a busy machine may have made a
// timeout of what is none, on one side or the other.
func both(ctx context.Context, p *corev1.Probe, c *corev1.Container) (pair, error) {
	var out pair
	for range 6 {
		var err error
		out.want, out.words, out.warned = kubelet(p, c)
		if out.got, err = ours(ctx, p, c); err != nil {
			return out, err
		}
		timed := out.got.Late || strings.Contains(out.words, "imeout")
		if !timed || out.got.Verdict == out.want && timeless(out.got.Reason) == timeless(out.words) {
			break
		}
	}
	return out, nil
}

func (p pair) hold(t *testing.T, name string) {
	t.Helper()
	if p.got.Verdict != p.want || p.got.Warning != p.warned {
		t.Errorf("%s: %s, warning %v (%s); the kubelet: %s, warning %v (%s)", name, p.got.Verdict, p.got.Warning, p.got.Reason, p.want, p.warned, p.words)
	}
	if p.want != probe.Success && timeless(p.got.Reason) != timeless(p.words) {
		t.Errorf("%s\nwe say:          %s\nthe kubelet says: %s", name, p.got.Reason, p.words)
	}
}

// direct connects as the kubelet does: the test's server is on this machine.
type direct struct{}

func (direct) Transport() probe.Transport { return "direct" }

func (direct) Dial(ctx context.Context, _ *run.Clock, host string, port, _ int) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

func (d direct) Reach(ctx context.Context, clock *run.Clock, host string, port int) (bool, error) {
	c, err := d.Dial(ctx, clock, host, port, 0)
	if err != nil {
		return true, err
	}
	return true, c.Close()
}

// closed is a port where nothing listens.
func closed(t *testing.T) int {
	l, err := net.Listen("tcp", podIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// timeless leaves out what differs from run to run: the client's own port, and
// what net/http calls a timeout, which depends on which of its goroutines notices first.
func timeless(words string) string {
	words = regexp.MustCompile(podIP+`:\d+->`).ReplaceAllString(words, "")
	return regexp.MustCompile(`(context deadline exceeded|net/http: request canceled( while waiting for connection)?) \(Client.Timeout`).ReplaceAllString(words, "(Client.Timeout")
}
