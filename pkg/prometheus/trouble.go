package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Kind is what kept Prometheus from answering.
type Kind string

// The kinds. All but BadQuery say something of the server, not of one query.
const (
	Unreachable   Kind = "unreachable"
	TimedOut      Kind = "timed out"
	Forbidden     Kind = "forbidden"
	Unauthorized  Kind = "unauthorized"
	NotPrometheus Kind = "not prometheus"
	TooBig        Kind = "too big"
	BadQuery      Kind = "query failed"
)

// TroubleError is a kind, with what was said.
type TroubleError struct {
	Kind   Kind
	Detail string
}

// Error implements error: "query failed: …". It is what a snapshot keeps as the reason.
func (t *TroubleError) Error() string {
	if t.Detail == "" {
		return string(t.Kind)
	}
	return string(t.Kind) + ": " + t.Detail
}

// fatal says that no other query would do better.
func (t *TroubleError) fatal() bool {
	switch t.Kind {
	case Unreachable, TimedOut, Forbidden, Unauthorized, NotPrometheus:
		return true
	case TooBig, BadQuery:
	}
	return false
}

// troubleOf sorts an error of the library.
func troubleOf(err error) *TroubleError {
	var already *TroubleError
	var said *v1.Error
	var sent *url.Error
	var n net.Error
	switch {
	case errors.As(err, &already):
		return already
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return &TroubleError{Kind: TimedOut}
	case errors.As(err, &sent):
		return &TroubleError{Kind: Unreachable, Detail: short(sent.Err.Error())}
	case errors.As(err, &said):
		return troubleSaid(said)
	}
	return &TroubleError{Kind: NotPrometheus, Detail: "the answer is not in its form"} // the decoder's words help nobody
}

// troubleSaid is for errors that came as an answer: Prometheus' own, or those of
// something that is none.
func troubleSaid(e *v1.Error) *TroubleError {
	switch e.Type {
	case v1.ErrBadData, v1.ErrExec:
		return &TroubleError{Kind: BadQuery, Detail: short(e.Msg)}
	case v1.ErrServer:
		return troubleOfServer(e)
	case v1.ErrBadResponse, v1.ErrClient, v1.ErrTimeout, v1.ErrCanceled:
	}
	return &TroubleError{Kind: NotPrometheus, Detail: short(e.Msg + " " + firstLine(e.Detail))}
}

// troubleOfServer is for codes of 500 and above, whose body the library leaves
// alone: Prometheus gives up on a query with 503 (web/api/v1, getDefaultErrorCode),
// and is not ready while it reads its log again; a proxy before it has its own words.
func troubleOfServer(e *v1.Error) *TroubleError {
	var body struct {
		ErrorType v1.ErrorType `json:"errorType"`
		Error     string       `json:"error"`
		Message   string       `json:"message"` // of an API server's Status
	}
	if json.Unmarshal([]byte(e.Detail), &body) != nil {
		return &TroubleError{Kind: Unreachable, Detail: short(e.Msg + " " + firstLine(e.Detail))}
	}
	switch {
	case body.ErrorType == v1.ErrTimeout:
		return &TroubleError{Kind: TimedOut, Detail: short(body.Error)}
	case body.ErrorType == "internal":
		return &TroubleError{Kind: BadQuery, Detail: short(body.Error)}
	}
	return &TroubleError{Kind: Unreachable, Detail: short(e.Msg + " " + body.Error + body.Message)}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// short is text on one bounded line that is safe to print.
func short(s string) string {
	const longest = 160
	s = snapshot.Safe(strings.Join(strings.Fields(s), " "))
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest]) + "…"
	}
	return s
}
