package run

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// Forward is the way of "kubectl port-forward", without its local port: streams
// of one connection to the API server end at the loopback of the pod.
type Forward struct {
	cluster        *Cluster
	namespace, pod string

	mu   sync.Mutex
	conn httpstream.Connection
	next int
	trip time.Duration // the shortest time to the pod and back that was seen
}

// Forward makes the way to a pod; the connection is made at the first use.
func (c *Cluster) Forward(namespace, pod string) *Forward {
	return &Forward{cluster: c, namespace: namespace, pod: pod}
}

// Transport names it.
func (f *Forward) Transport() probe.Transport { return probe.PortForward }

// Close ends the connection.
func (f *Forward) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// Open makes the connection, where it is not there or has ended.
func (f *Forward) Open(ctx context.Context) error {
	_, err := f.connection(ctx)
	return err
}

func (f *Forward) connection(ctx context.Context) (httpstream.Connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		select {
		case <-f.conn.CloseChan():
			f.conn = nil
		default:
			return f.conn, nil
		}
	}
	dialer, err := f.dialer()
	if err != nil {
		return nil, err
	}
	conn, err := wait(ctx, func() (httpstream.Connection, error) {
		conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		return conn, err
	}, func(c httpstream.Connection) { _ = c.Close() })
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, barred("create pods/portforward in namespace "+f.namespace, err)
	}
	f.conn = conn
	return conn, nil
}

// dialer speaks SPDY over a WebSocket, or alone to a server that knows no more (KEP-4006).
func (f *Forward) dialer() (httpstream.Dialer, error) {
	at, err := f.cluster.url(f.namespace, f.pod, "portforward", nil)
	if err != nil {
		return nil, err
	}
	newer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, f.cluster.config)
	if err != nil {
		return nil, fmt.Errorf("set up port forwarding: %w", err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(f.cluster.config)
	if err != nil {
		return nil, fmt.Errorf("set up port forwarding: %w", err)
	}
	older := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	return portforward.NewFallbackDialerForStreaming(newer, older, falls), nil
}

// Dial opens a pair of streams. Whether anything listens is only known once
// something is read.
func (f *Forward) Dial(ctx context.Context, clock *Clock, _ string, port, exchanges int) (net.Conn, error) {
	clock.Pause()
	pair, err := f.streams(ctx, port)
	if err != nil {
		return nil, err
	}
	clock.Resume(time.Duration(exchanges) * f.roundTrip())
	return pair, nil
}

// Reach opens a pair of streams and ends it at once: the other side connects
// before it sees that end, and tells where it could not.
func (f *Forward) Reach(ctx context.Context, clock *Clock, _ string, port int) (bool, error) {
	clock.Pause()
	pair, err := f.streams(ctx, port)
	if err != nil {
		return false, err
	}
	defer pair.Close()
	clock.Resume(f.roundTrip() + time.Second + lingers)
	if err := pair.CloseWrite(); err != nil {
		return false, lost("port forwarding: %w", err)
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-pair.told:
		return false, pair.failure
	case <-pair.over:
		return false, lost("port forwarding to the pod has ended")
	}
}

func (f *Forward) roundTrip() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trip
}

// streams opens the two streams that stand for one TCP connection.
func (f *Forward) streams(ctx context.Context, port int) (*forwarded, error) {
	conn, err := f.connection(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.next++
	id := f.next
	f.mu.Unlock()
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(id))
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	drop := func(s httpstream.Stream) { _ = s.Reset() }
	told, err := wait(ctx, func() (httpstream.Stream, error) { return conn.CreateStream(headers) }, drop)
	if err != nil {
		return nil, f.broke(ctx, err)
	}
	_ = told.Close() // nothing is sent on it
	headers = headers.Clone()
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	begun := time.Now()
	data, err := wait(ctx, func() (httpstream.Stream, error) { return conn.CreateStream(headers) }, drop)
	if err != nil {
		_ = told.Reset()
		return nil, f.broke(ctx, err)
	}
	f.mu.Lock()
	if trip := time.Since(begun); f.trip == 0 || trip < f.trip {
		f.trip = trip
	}
	f.mu.Unlock()
	return newForwarded(conn, data, told, port), nil
}

func (f *Forward) broke(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lost("port forwarding to the pod has ended: %w", err)
}
