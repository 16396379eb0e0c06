package upstreamprobe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
)

// grpcCases are gRPC probes of servers of every kind.
func grpcCases(t *testing.T) []misbehave.Case {
	t.Helper()
	well := health.NewServer()
	for service, s := range map[string]healthpb.HealthCheckResponse_ServingStatus{
		"": healthpb.HealthCheckResponse_SERVING, "up": healthpb.HealthCheckResponse_SERVING, "down": healthpb.HealthCheckResponse_NOT_SERVING,
		"odd": healthpb.HealthCheckResponse_UNKNOWN, "lost": healthpb.HealthCheckResponse_SERVICE_UNKNOWN, "a service/with: 한국어": healthpb.HealthCheckResponse_SERVING,
	} {
		well.SetServingStatus(service, s)
	}
	port := serve(t, grpc.NewServer(), well)
	var out []misbehave.Case
	add := func(name string, port int, service *string, timeout int32) {
		out = append(out, misbehave.Case{Name: "gRPC " + name, Probe: &corev1.Probe{
			TimeoutSeconds: timeout, ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: int32(port), Service: service}},
		}})
	}
	add("without a service", port, nil, 1)
	for _, s := range []string{"", "up", "down", "odd", "lost", "nobody", "a service/with: 한국어"} {
		add(fmt.Sprintf("service %q", s), port, &s, 1)
	}
	add("without the health service", serve(t, grpc.NewServer(), nil), nil, 1)
	add("over TLS", serve(t, grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(certificate(t)))), well), nil, 1)
	add("closed port", closed(t), nil, 1)
	add("silent port", listen(t, func(c net.Conn) { time.Sleep(5 * time.Second); c.Close() }), nil, 1)
	add("port that closes", listen(t, func(c net.Conn) { c.Close() }), nil, 1)
	add("port that talks HTTP/1", plainHTTP(t, false, 200), nil, 1)
	for _, code := range []int{200, 204, 400, 401, 403, 404, 429, 500, 502, 503, 504} {
		add(fmt.Sprintf("HTTP/2 that is no gRPC, status %d", code), plainHTTP(t, true, code), nil, 1)
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		add("code "+code.String(), serve(t, grpc.NewServer(), answers{err: status.Error(code, "because of 한국어 % \n it")}), nil, 1)
	}
	add("answer after 300 ms", serve(t, grpc.NewServer(), answers{after: 300 * time.Millisecond}), nil, 1)
	add("answer after 2 s", serve(t, grpc.NewServer(), answers{after: 2 * time.Second}), nil, 1)
	add("answer after 1 s, timeout 3 s", serve(t, grpc.NewServer(), answers{after: time.Second}), nil, 3)
	add("answer with headers and trailers", serve(t, grpc.NewServer(), answers{meta: true}), nil, 1)
	add("status of a number that nobody knows", serve(t, grpc.NewServer(), answers{status: 77}), nil, 1)
	return out
}

// answers is a health service with one answer.
type answers struct {
	healthpb.UnimplementedHealthServer
	after  time.Duration
	err    error
	status int32
	meta   bool
}

func (a answers) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	select {
	case <-ctx.Done():
	case <-time.After(a.after):
	}
	if a.meta {
		_ = grpc.SetHeader(ctx, metadata.Pairs("a", "b"))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("c", "d"))
	}
	if a.err != nil {
		return nil, a.err
	}
	s := healthpb.HealthCheckResponse_SERVING
	if a.status != 0 {
		s = healthpb.HealthCheckResponse_ServingStatus(a.status)
	}
	return &healthpb.HealthCheckResponse{Status: s}, nil
}

func serve(t *testing.T, s *grpc.Server, h healthpb.HealthServer) int {
	t.Helper()
	if h != nil {
		healthpb.RegisterHealthServer(s, h)
	}
	l, err := net.Listen("tcp", podIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().(*net.TCPAddr).Port
}

func listen(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", podIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func plainHTTP(t *testing.T, h2 bool, code int) int {
	t.Helper()
	l, err := net.Listen("tcp", podIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	var p http.Protocols
	p.SetHTTP1(!h2)
	p.SetUnencryptedHTTP2(h2)
	s := &http.Server{Protocols: &p, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func certificate(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
