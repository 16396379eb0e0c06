package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

func TestErrorsToExitCodes(t *testing.T) {
	cases := []struct {
		err  error
		want int
		line string
	}{
		{nil, 0, ""},
		{fmt.Errorf("write report: %w", syscall.EPIPE), 0, ""},
		{&verdictError{3}, 3, ""},
		{usage("error.mixed-forms"), 2, "error: TYPE/NAME and TYPE NAME cannot be mixed"},
		{&file.Error{File: "a.yaml", Line: 3, Err: errors.New("bad")}, 2, "error: a.yaml:3: bad\n"},
		{&configError{id: "error.no-kubeconfig", args: map[string]any{"looked": "there"}}, 1, "error: no cluster is configured (looked at there)"},
		{&live.UnreachableError{Host: "https://h", Trouble: live.Unauthorized, Detail: "d"}, 1, "error: the API server https://h does not accept"},
		{&rule.NotFoundError{Targets: []finding.Ref{{Kind: "Deployment", Namespace: "shop", Name: "web"}, {Kind: "Node", Name: "n"}}}, 1,
			"error: deployments.apps \"web\" not found in namespace \"shop\"; nodes \"n\" not found\n"},
		{fmt.Errorf("read: %w", errTimedOut), 124, "error: gave up after 1m0s"},
		{context.DeadlineExceeded, 124, "error: gave up"},
		{fmt.Errorf("read: %w", term.ErrInterrupted), 130, "error: interrupted\n"},
		{errors.New("two\nlines \x1b[31m"), 1, "error: two lines \uFFFD[31m\n"},
	}
	for _, c := range cases {
		a := newApp(t, lang.English)
		var errs bytes.Buffer
		a.Streams.Err = &errs
		if got := a.exit(c.err); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.want)
		}
		if out := errs.String(); !strings.HasPrefix(out, c.line) || (c.line == "") != (out == "") || strings.Count(out, "\n") > 1 {
			t.Errorf("%v: %q, want one line that begins with %q", c.err, out, c.line)
		}
	}
}

func TestEveryTroubleHasItsTexts(t *testing.T) {
	for _, l := range lang.All() {
		a := newApp(t, l)
		for _, trouble := range []live.Trouble{live.Refused, live.NoHost, live.NoRoute, live.NoAnswer, live.Certificate,
			live.NotTLS, live.Unauthorized, live.Credentials, live.Failing, live.Broken} {
			for _, context := range []string{"", "prod"} {
				a.global.usedContext = context
				text := a.unreachable(&live.UnreachableError{Host: "https://h", Trouble: trouble, Detail: "DETAIL"})
				if strings.HasPrefix(text, "unreachable.") || strings.Contains(text, "no value") || strings.Contains(text, `""`) {
					t.Errorf("%s %s: %s", l, trouble, text)
				}
				if context != "" && !strings.Contains(text, "prod") {
					t.Errorf("%s %s does not name the context: %s", l, trouble, text)
				}
			}
		}
	}
}
