package snapshot

import (
	"crypto/x509"
	"encoding/pem"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Secret is what is kept of a Secret: its keys with the size of each value, and
// of a TLS Secret the facts of its public certificate. The values never enter;
// the private key is not looked at.
type Secret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Type              corev1.SecretType `json:"type,omitempty"`
	// Keys maps each key to the size of its value in bytes.
	Keys        map[string]int `json:"keys"`
	Certificate *Certificate   `json:"certificate,omitempty"`
}

// Certificate holds the facts of a TLS Secret's leaf certificate.
type Certificate struct {
	// Invalid says why tls.crt is not a certificate; the rest is then empty.
	Invalid   string    `json:"invalid,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	DNSNames  []string  `json:"dnsNames,omitempty"`
}

// DeepCopyObject makes Secret a runtime.Object.
func (s *Secret) DeepCopyObject() runtime.Object {
	c := *s
	s.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	c.Keys = make(map[string]int, len(s.Keys))
	for k, v := range s.Keys {
		c.Keys[k] = v
	}
	return &c
}

// NewSecret keeps of a Secret what may be kept.
func NewSecret(in *corev1.Secret) *Secret {
	out := &Secret{ObjectMeta: *in.ObjectMeta.DeepCopy(), Type: in.Type, Keys: map[string]int{}}
	for k, v := range in.Data {
		out.Keys[k] = len(v)
	}
	for k, v := range in.StringData {
		out.Keys[k] = len(v)
	}
	if in.Type == corev1.SecretTypeTLS {
		pem := in.Data[corev1.TLSCertKey]
		if v, ok := in.StringData[corev1.TLSCertKey]; ok {
			pem = []byte(v)
		}
		out.Certificate = readCertificate(pem)
	}
	return out
}

func readCertificate(data []byte) *Certificate {
	block, _ := pem.Decode(data)
	if block == nil {
		return &Certificate{Invalid: "tls.crt holds no PEM block"}
	}
	if block.Type != "CERTIFICATE" {
		return &Certificate{Invalid: "tls.crt begins with a PEM block of type " + Safe(block.Type)}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return &Certificate{Invalid: "tls.crt is not an X.509 certificate"}
	}
	return &Certificate{NotBefore: c.NotBefore, NotAfter: c.NotAfter, DNSNames: c.DNSNames}
}
