package live

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Trouble says what kept the tool from the cluster.
type Trouble string

// Troubles, each with another next step.
const (
	Refused      Trouble = "refused"      // nothing listens at the address
	NoHost       Trouble = "no-host"      // the name does not resolve
	NoRoute      Trouble = "no-route"     // the network has no way there
	NoAnswer     Trouble = "no-answer"    // no answer in time
	Certificate  Trouble = "certificate"  // the server's certificate is not trusted
	NotTLS       Trouble = "not-tls"      // HTTP and HTTPS mixed up
	Unauthorized Trouble = "unauthorized" // the server does not accept the credentials
	Credentials  Trouble = "credentials"  // the kubeconfig's credential plugin failed
	Failing      Trouble = "failing"      // it answers, but not as an API server does
	Broken       Trouble = "broken"       // anything else that broke the connection
)

// UnreachableError says that the cluster did not answer at all.
type UnreachableError struct {
	// Host is the address of the API server.
	Host    string
	Trouble Trouble
	// After is the time limit of one request, for NoAnswer.
	After time.Duration
	// Detail is the cause on one line.
	Detail string
	Err    error
}

// Error implements error.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach the API server %s: %s", e.Host, e.Detail)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

func (r *Reader) unreachable(err error) error {
	return &UnreachableError{Host: r.host, Trouble: trouble(err), After: r.timeout, Detail: short(cause(err)), Err: err}
}

// Explain gives the *UnreachableError that an error of another client of the same
// cluster stands for; any other error, an answer above all, stays as it is.
func (r *Reader) Explain(err error) error {
	var known *UnreachableError
	var answer apierrors.APIStatus
	switch {
	case err == nil, errors.As(err, &known), errors.As(err, &answer) && !isUnauthorized(err):
		return err
	case trouble(err) == Failing:
		return err
	}
	return r.unreachable(err)
}

// trouble sorts an error; the texts are those of net/http and of client-go's
// exec plugin (plugin/pkg/client/auth/exec), which have no types.
func trouble(err error) Trouble {
	var (
		dns       *net.DNSError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	text := cause(err).Error()
	switch {
	case isUnauthorized(err):
		return Unauthorized
	case strings.Contains(text, "getting credentials:"):
		return Credentials
	case errors.As(err, &dns):
		return NoHost
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return NoRoute
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid):
		return Certificate
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"),
		strings.Contains(text, "Client sent an HTTP request to an HTTPS server"):
		return NotTLS
	case isTimeout(err):
		return NoAnswer
	case isConnection(err):
		return Broken
	}
	return Failing
}
