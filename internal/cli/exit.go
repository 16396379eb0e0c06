package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// Exit codes, a promise to scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFindings    = 3
	exitNotChecked  = 4
	exitRolledBack  = 5
	exitIncomplete  = 6
	exitPaused      = 7
	exitConflict    = 8
	exitTimedOut    = 124
	exitInterrupted = 130
)

// exit is the one place where an error becomes a line and a code.
func (a *app) exit(err error) int {
	var (
		verdict     *verdictError
		wrong       *usageError
		config      *configError
		badFile     *file.Error
		unreachable *live.UnreachableError
		notFound    *rule.NotFoundError
		refused     *refusedError
	)
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // the reader of a pipe has seen enough
		return exitDone
	case errors.As(err, &verdict):
		return verdict.code
	case errors.As(err, &wrong):
		return a.fail(exitUsage, a.texts.Text(a.lang, wrong.id, wrong.args))
	case errors.As(err, &refused):
		return a.fail(refused.code, a.copied(a.texts.Text(a.lang, refused.id, refused.args)))
	case errors.As(err, &badFile):
		return a.fail(exitUsage, badFile.Error())
	case errors.As(err, &config):
		config.args["offline"] = string(a.offline)
		return a.fail(exitFailed, a.texts.Text(a.lang, config.id, config.args))
	case errors.Is(err, term.ErrInterrupted):
		return a.fail(exitInterrupted, a.t("error.interrupted"))
	case errors.As(err, &unreachable):
		return a.fail(exitFailed, a.unreachable(unreachable))
	case errors.Is(err, errTimedOut), errors.Is(err, context.DeadlineExceeded):
		return a.fail(exitTimedOut, a.t("error.timed-out", "after", a.global.timeout.String()))
	case errors.As(err, &notFound):
		return a.fail(exitFailed, a.notFound(notFound))
	}
	if code, message, ok := a.rolloutError(err); ok {
		return a.fail(code, a.copied(message))
	}
	return a.fail(exitFailed, err.Error())
}

// fail prints the one line.
func (a *app) fail(code int, message string) int {
	message = snapshot.Safe(strings.Join(strings.Fields(message), " "))
	fmt.Fprintf(a.Streams.Err, "%s: %s\n", a.t("error"), message)
	return code
}

func (a *app) unreachable(e *live.UnreachableError) string {
	args := map[string]any{"context": a.global.usedContext, "host": e.Host, "after": e.After.String(), "detail": e.Detail}
	return a.texts.Text(a.lang, "unreachable."+string(e.Trouble), args)
}

func (a *app) notFound(e *rule.NotFoundError) string {
	var lines []string
	for _, t := range e.Targets {
		lines = append(lines, a.t("error.not-found", "resource", resourceOf(t), "name", t.Name, "namespace", t.Namespace))
	}
	return strings.Join(lines, "; ")
}

// resourceOf is the name kubectl gives a kind in messages: "deployments.apps".
func resourceOf(r finding.Ref) string {
	info, ok := snapshot.Lookup(snapshot.Kind(r.Kind))
	if !ok {
		return strings.ToLower(r.Kind)
	}
	return info.Resource.GroupResource().String()
}
