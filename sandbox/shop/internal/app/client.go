package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Client calls the other services over HTTP.
type Client struct{ http http.Client }

// NewClient returns a client that lets go of a connection after two idle
// seconds. A server that shuts down answers for longer than that, so no request
// is ever written to a connection that the server is about to close.
func NewClient() *Client {
	return &Client{http: http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			IdleConnTimeout:     2 * time.Second,
			MaxIdleConnsPerHost: 64,
		},
	}}
}

// CallError is a call that got no good answer. Status is that of the HTTP
// answer to pass on: the callee's own if it blames the request (4xx), else 502
// or 504.
type CallError struct {
	Status int
	Err    error
}

func (e *CallError) Error() string { return e.Err.Error() }

func (e *CallError) Unwrap() error { return e.Err }

// Call sends a request and decodes the answer, whose Data goes into data. A
// connection that could not be made is tried again twice, whatever the method,
// because nothing was sent on it.
func (c *Client) Call(ctx context.Context, method, url string, data any) (Answer, error) {
	for try := 0; ; try++ {
		answer, err := c.once(ctx, method, url, data)
		var op *net.OpError
		if err == nil || try == 2 || !errors.As(err, &op) || op.Op != "dial" {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Client) once(ctx context.Context, method, url string, data any) (Answer, error) {
	answer := Answer{Data: data}
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answer, &CallError{http.StatusInternalServerError, err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer, callFailed(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return answer, callFailed(fmt.Errorf("%s %s: %w", method, url, err))
	}
	decodeErr := json.Unmarshal(body, &answer)
	answer.Data = nil // the caller has it; in a list of calls it would be noise
	switch {
	case resp.StatusCode >= 400:
		err := fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer.Error)
		if resp.StatusCode < 500 {
			return answer, &CallError{resp.StatusCode, err}
		}
		return answer, &CallError{http.StatusBadGateway, err}
	case decodeErr != nil:
		return answer, &CallError{http.StatusBadGateway, fmt.Errorf("%s %s: %w", method, url, decodeErr)}
	}
	return answer, nil
}

func callFailed(err error) error {
	if os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return &CallError{http.StatusGatewayTimeout, err}
	}
	return &CallError{http.StatusBadGateway, err}
}

// FailCall answers with what a failed call means for the caller, and logs it.
func (k Kit) FailCall(w http.ResponseWriter, err error, calls ...Answer) {
	status := http.StatusBadGateway
	var call *CallError
	if errors.As(err, &call) {
		status = call.Status
	}
	k.Log.Error("call failed", "error", err)
	k.Fail(w, status, err.Error(), calls...)
}
