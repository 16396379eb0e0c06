package misbehave

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// serveGRPC answers health checks by the service's name: "down" does not serve,
// "hang" never answers, "none" is not known, "plain" gets an answer that is no
// gRPC; any other serves.
func serveGRPC(p *Ports, listen func(port int) (net.Listener, error)) error {
	l, err := listen(p.GRPC)
	if err != nil {
		return fmt.Errorf("listen on %d: %w", p.GRPC, err)
	}
	p.GRPC = l.Addr().(*net.TCPAddr).Port
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Protocols: &protocols, Handler: http.HandlerFunc(health)}
	go func() { _ = s.Serve(l) }()
	return nil
}

func health(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4096))
	if err != nil {
		return
	}
	asked := func(service string) bool { return strings.HasSuffix(string(body), service) }
	status := byte(1)
	w.Header().Set("Content-Type", "application/grpc")
	switch {
	case asked("plain"):
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotFound)
		return
	case asked("hang"):
		select {
		case <-r.Context().Done():
		case <-time.After(longest):
		}
		return
	case asked("none"):
		w.Header().Set("Grpc-Status", "5")
		w.Header().Set("Grpc-Message", "unknown service")
		return
	case asked("down"):
		status = 2
	}
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 1 << 3, status})
	w.Header().Set("Grpc-Status", "0")
}

// GRPC asks the server's health service.
func GRPC(p Ports, service string) *corev1.Probe {
	return &corev1.Probe{TimeoutSeconds: 1, PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: int32(p.GRPC), Service: &service}}}
}
