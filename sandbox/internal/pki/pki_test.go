package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func parse(t *testing.T, pair Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(pair.Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestSignedCertificatesHoldTowardsTheirAuthorityOnly(t *testing.T) {
	ca, err := NewAuthority("ca")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority("other")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ca.Save(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	saved, err := LoadPair(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAuthority(saved)
	if err != nil {
		t.Fatal(err)
	}
	server, err := again.Sign(Subject{CommonName: "server", DNSNames: []string{"kubernetes.default"}, IPs: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, server)
	verify := func(ca Authority, name string, use x509.ExtKeyUsage) error {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca.Cert)
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{use}})
		return err
	}
	for _, name := range []string{"127.0.0.1", "kubernetes.default"} {
		if err := verify(ca, name, x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if verify(ca, "10.0.0.1", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("valid for an address that it does not name")
	}
	if verify(other, "127.0.0.1", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("valid under another authority")
	}
	if _, err := tls.X509KeyPair(server.Cert, server.Key); err != nil {
		t.Errorf("certificate and key do not belong together: %v", err)
	}
}

func TestClientCertificateNamesUserAndGroups(t *testing.T) {
	ca, err := NewAuthority("ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Sign(Subject{CommonName: "alice", Groups: []string{"dev", "ops"}})
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, pair)
	if cert.Subject.CommonName != "alice" || strings.Join(cert.Subject.Organization, ",") != "dev,ops" {
		t.Errorf("subject = %v", cert.Subject)
	}
	for _, use := range cert.ExtKeyUsage {
		if use == x509.ExtKeyUsageServerAuth {
			t.Error("a client's certificate may serve")
		}
	}
	if _, err := ca.Sign(Subject{CommonName: "x", IPs: []string{"nonsense"}}); err == nil {
		t.Error("nonsense is taken for an address")
	}
}

func TestPublicKey(t *testing.T) {
	ca, err := NewAuthority("ca")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ca.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(pub)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !parse(t, ca.Pair).PublicKey.(*ecdsa.PublicKey).Equal(key) {
		t.Error("not the key of the certificate")
	}
}
