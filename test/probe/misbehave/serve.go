// Package misbehave is a server that answers probes in every way that a
// program can get wrong, and a table of probes that ask it. The same table is
// put to the kubelet's own probers and to "probe run".
package misbehave

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Ports are where the server listens. Closed is one where it does not, Loopback
// one that answers on the loopback address alone.
type Ports struct{ HTTP, Other, TLS, Expired, ClientCert, H2, GRPC, Silent, Slammed, Loopback, Closed int }

// Fixed are the ports inside a pod.
func Fixed() Ports {
	return Ports{HTTP: 7001, Other: 7002, TLS: 7003, Expired: 7004, ClientCert: 7005, H2: 7006, Silent: 7007, Slammed: 7008, GRPC: 7009, Loopback: 7010, Closed: 7999}
}

// Serve answers on the listeners that listen makes until one of them fails.
// Ports of 0 are filled in with what the listeners got.
func Serve(p *Ports, listen func(port int) (net.Listener, error)) error {
	good, err := certificate(time.Hour)
	if err != nil {
		return err
	}
	old, err := certificate(-time.Hour)
	if err != nil {
		return err
	}
	plain := func(c net.Conn) net.Conn { return c }
	over := func(config *tls.Config) func(net.Conn) net.Conn {
		return func(c net.Conn) net.Conn { return tls.Server(c, config) }
	}
	for _, s := range []struct {
		port  *int
		wrap  func(net.Conn) net.Conn
		serve func(Ports, net.Conn)
	}{
		{&p.HTTP, plain, answer},
		{&p.Other, plain, answer},
		{&p.TLS, over(&tls.Config{Certificates: []tls.Certificate{good}}), answer},
		{&p.Expired, over(&tls.Config{Certificates: []tls.Certificate{old}}), answer},
		{&p.ClientCert, over(&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}), answer},
		{&p.Loopback, plain, answer},
		{&p.Silent, plain, func(_ Ports, c net.Conn) { hang(c) }},
		{&p.Slammed, plain, func(_ Ports, c net.Conn) { reset(c) }},
	} {
		l, err := listen(*s.port)
		if err != nil {
			return fmt.Errorf("listen on %d: %w", *s.port, err)
		}
		*s.port = l.Addr().(*net.TCPAddr).Port
		go accept(l, func(c net.Conn) { s.serve(*p, s.wrap(c)) })
	}
	if err := serveGRPC(p, listen); err != nil {
		return err
	}
	return serveH2(p, listen, good)
}

// serveH2 speaks HTTP/2 where the client wants to.
func serveH2(p *Ports, listen func(port int) (net.Listener, error), cert tls.Certificate) error {
	l, err := listen(p.H2)
	if err != nil {
		return fmt.Errorf("listen on %d: %w", p.H2, err)
	}
	p.H2 = l.Addr().(*net.TCPAddr).Port
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				w.WriteHeader(http.StatusHTTPVersionNotSupported)
			}
			if r.URL.Path != "/ok" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}),
	}
	go func() { _ = server.ServeTLS(l, "", "") }()
	return nil
}

func accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// answer reads one request and misbehaves as its path says.
func answer(p Ports, c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	Answer(p, c, r)
}

// longest bounds how long anything hangs.
const longest = 30 * time.Second

func hang(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(longest))
	_, _ = bufio.NewReader(c).ReadByte()
	for {
		var b [512]byte
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

// reset ends a connection with a RST.
func reset(c net.Conn) {
	inner := c
	if t, ok := c.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	if t, ok := inner.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = inner.Close()
}

func certificate(life time.Duration) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nobody"}, DNSNames: []string{"elsewhere.example"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
