package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// notServed is the reason where the API server does not know a kind.
const notServed = "not served by this cluster"

// why says in a few words why a read did not work; action is what was tried.
func (r *Reader) why(action string, err error) string {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		return "forbidden: " + action
	case isTimeout(err):
		return "timed out"
	case apierrors.IsNotFound(err):
		return notServed
	case apierrors.IsTooManyRequests(err):
		return "the API server is too busy (429)"
	case isConnection(err):
		return "the connection broke: " + short(cause(err))
	case errors.As(err, &status) && status.Status().Code >= 500:
		return fmt.Sprintf("the API server answered %d: %s", status.Status().Code, short(err))
	}
	return short(cause(err))
}

// isAbsent says that the API server knows the resource and has no such object.
// The same 404 comes from a server that does not know the path; that one is not
// a Status made by the API's storage.
func isAbsent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err) && named(err)
}

// named: the storage names the object it looked for; the router of the API
// server, which answers for paths it does not know, does not.
func named(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Name != ""
}

// isAnswer says that the error is one that a working API server gives.
func isAnswer(err error) bool {
	return apierrors.IsForbidden(err) ||
		(apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)) && !apierrors.IsUnexpectedServerError(err)
}

func isUnauthorized(err error) bool { return apierrors.IsUnauthorized(err) }

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) {
		return true
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code == http.StatusGatewayTimeout
	}
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// isConnection says that the request did not get an answer: net/http wraps all of these in url.Error.
func isConnection(err error) bool {
	var u *url.Error
	return errors.As(err, &u) && !errors.Is(err, context.Canceled)
}

// cause is the part of an error that says what happened: without the URL that
// net/http puts before it, and for an answer that no API server gives, its text.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	var status apierrors.APIStatus
	if apierrors.IsUnexpectedServerError(err) && errors.As(err, &status) {
		s := status.Status()
		for _, c := range s.Details.Causes {
			if c.Type == metav1.CauseTypeUnexpectedServerResponse && c.Message != "" && c.Message != "unknown" {
				return fmt.Errorf("%d: %s", s.Code, c.Message)
			}
		}
	}
	return err
}

// short is the error on one bounded line that is safe to print.
func short(err error) string {
	const most = 200
	s := snapshot.Safe(strings.Join(strings.Fields(err.Error()), " "))
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}
