package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// longestBody bounds the answer that is read, in bytes; longestHeader its header.
const (
	longestBody   = 64 << 10
	longestHeader = 64 << 10
	mostRedirects = 3
)

// verdict is what a web hook may answer with: {"result": "fail", "message": "…"}.
type verdict struct {
	// result is empty where the hook named none.
	result  rollout.Result
	message string
}

// askWebhook posts the question as JSON and reads the answer.
//
// A verdict in the body decides. Without one, 2xx passes, as it does for the web
// hooks of other tools. No other status fails by itself: 408, 425, 429, 5xx and no
// answer at all are no data, and are asked again; 404, 403 or a redirection to a
// page for logging in tell of a hook that is set up wrongly, and a version must
// not be rolled back for that. It is not passed either.
func (j judge) askWebhook(ctx context.Context, g rollout.GateSpec, about rollout.Question) rollout.Answer {
	question, err := json.Marshal(about)
	if err != nil {
		return inconclusive("the question cannot be written: %v", err)
	}
	limit := within(g, WebhookTimeout)
	bounded, cancel := context.WithTimeout(ctx, limit.Std())
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodPost, g.Value, bytes.NewReader(question))
	if err != nil {
		return inconclusive("%v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kubectl-msa")

	resp, err := j.client().Do(req)
	if err == nil {
		defer resp.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(resp.Body, longestBody+1)); err == nil {
			return fromResponse(resp, body)
		}
	}
	switch {
	case ctx.Err() != nil:
		return inconclusive("interrupted")
	case bounded.Err() != nil:
		return noData("no answer within %s", limit)
	}
	return noData("no answer: %v", withoutAddress(err))
}

// client follows a redirection only where the question stays the same and with
// the host that was named: any other would either send it to somebody who was not
// meant to have it, or turn it into the fetching of a page.
func (j judge) client() *http.Client {
	c := &http.Client{
		Transport: j.Transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0].URL
			if len(via) > mostRedirects || req.Method != http.MethodPost || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok && j.Transport == nil {
		own := usual.Clone()
		own.MaxResponseHeaderBytes = longestHeader
		own.DisableKeepAlives = true // a question now and then; nothing is left open
		c.Transport = own
	}
	return c
}

// withoutAddress leaves out what net/http puts around an error: the address is in
// the gate's name already.
func withoutAddress(err error) error {
	var around *url.Error
	if errors.As(err, &around) {
		return around.Err
	}
	return err
}

func fromResponse(resp *http.Response, body []byte) rollout.Answer {
	status := resp.StatusCode
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return noData("HTTP %d", status)
	case status < 200:
		return inconclusive("HTTP %d", status)
	case status >= 300 && status < 400:
		return inconclusive("HTTP %d, a redirection to %q that is not followed: name the address that answers", status, resp.Header.Get("Location"))
	case len(body) > longestBody:
		return inconclusive("HTTP %d with more than %d KiB of answer", status, longestBody>>10)
	}
	v, ok := readVerdict(body)
	switch {
	case !ok:
		return inconclusive("HTTP %d with an answer that is not whole JSON", status)
	case v.result == "" && status < 300:
		return rollout.Answer{Result: rollout.Pass, Message: v.message}
	case v.result == "":
		return inconclusive("HTTP %d%s", status, quoted(v.message))
	case !known(v.result):
		return inconclusive("the answer's result %q is none of %s%s", oneLine(string(v.result)), strings.Join(results(), ", "), meant(v.result))
	case v.result == rollout.Pass && status >= 300:
		return inconclusive("HTTP %d, and yet the answer's result is pass", status)
	}
	return rollout.Answer{Result: v.result, Message: v.message}
}

// readVerdict takes an empty body, and one that does not look like a JSON object,
// for one without a verdict; what does look like one must be whole. Fields of
// other names and types are the hook's own.
func readVerdict(body []byte) (verdict, bool) {
	var v verdict
	body = bytes.TrimSpace(body)
	if !bytes.HasPrefix(body, []byte("{")) {
		return v, true
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &fields); err != nil {
		return v, false
	}
	if err := json.Unmarshal(fields["message"], &v.message); err != nil {
		v.message = ""
	}
	if raw, ok := fields["result"]; ok {
		if err := json.Unmarshal(raw, &v.result); err != nil || v.result == "" {
			v.result = rollout.Result(raw)
		}
	}
	return v, true
}

func results() []string {
	return []string{string(rollout.Pass), string(rollout.Fail), string(rollout.Inconclusive), string(rollout.NoData), string(rollout.Pending)}
}

func known(r rollout.Result) bool {
	switch r {
	case rollout.Pass, rollout.Fail, rollout.Inconclusive, rollout.NoData, rollout.Pending:
		return true
	}
	return false
}

func meant(r rollout.Result) string {
	if near := spelling.Nearest(string(r), results()); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}
