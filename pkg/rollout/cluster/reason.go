package cluster

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

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// refusal sorts the error of a write. What the API server itself says about the
// object or about the request is certain: it was not done. Everything else, from
// a full queue to a broken connection, may or may not have been done.
func refusal(r rollout.Ref, err error) error {
	if err == nil {
		return nil
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return fmt.Errorf("write %s: %w", r, err)
	}
	status := answer.Status()
	text := words(status)
	switch {
	case status.Code == http.StatusConflict && !denied(status):
		return &rollout.ConflictError{Object: r, Message: "it changed while it was written to: " + text}
	case status.Code == http.StatusUnprocessableEntity && !validated(status) && !denied(status):
		return &rollout.ConflictError{Object: r, Message: "it is not as the write supposed"}
	case apierrors.IsUnexpectedServerError(err): // not the API server's own words: something between answered
	case status.Code == http.StatusNotFound && named(status):
		return &rollout.ConflictError{Object: r, Message: "it does not exist"}
	case isRefusal(status.Code):
		return &rollout.RefusedError{Object: r, Message: text}
	}
	return fmt.Errorf("write %s: %w", r, err)
}

// words are the server's. Where it could not read the patched object at all it
// quotes the whole of it before it says why; only the why is for people.
func words(s metav1.Status) string {
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			if _, why, ok := strings.Cut(c.Message, `}": `); ok && c.Field == "patch" {
				return safe(why)
			}
		}
	}
	return safe(s.Message)
}

// isRefusal says that the same request will get the same answer: the server
// understood it and does not want it. 401 is not among them, for credentials are
// renewed; nor are the codes that ask to come again.
func isRefusal(code int32) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return code >= 400 && code < 500
}

// validated says that a 422 comes from validation, which names the object and
// the fields. A JSON Patch whose test fails, or that names a path which is not
// there, gets a 422 without either, and the same reason and message for every
// cause (apiserver/pkg/endpoints/handlers/patch.go, applyJSPatch).
func validated(s metav1.Status) bool {
	return s.Details != nil && (s.Details.Name != "" || len(s.Details.Causes) > 0) && !unexpected(s)
}

// unexpected says that the body was no Status: client-go made one of the code.
func unexpected(s metav1.Status) bool {
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			if c.Type == metav1.CauseTypeUnexpectedServerResponse {
				return true
			}
		}
	}
	return false
}

// denied says that admission refused; a webhook may choose any code for that
// (apiserver/pkg/admission/plugin/webhook/errors/statuserror.go, policy/validating).
func denied(s metav1.Status) bool {
	return strings.Contains(s.Message, "denied the request") || strings.Contains(s.Message, "denied request")
}

// named says that the storage looked for the object; the router, which answers
// for paths that it does not know, names none.
func named(s metav1.Status) bool { return s.Details != nil && s.Details.Name != "" }

// absent says that the API server knows the resource and has no such object.
func absent(err error) bool {
	var answer apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &answer) && named(answer.Status()) && !unexpected(answer.Status())
}

// unanswered says that the time of a request ended before an answer came.
func unanswered(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// cause leaves out the address that net/http puts before an error.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// safe is text from the server on one line of bounded length.
func safe(text string) string {
	const most = 600
	s := snapshot.Safe(strings.Join(strings.Fields(text), " "))
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}
