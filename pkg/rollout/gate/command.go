package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Exit codes that a command answers with.
const (
	exitPass         = 0
	exitFail         = 1
	exitInconclusive = 2
	exitNoData       = 3
	// A shell's own: what it was given cannot be run, or is not there (POSIX, Shell Command Language, 2.8.2).
	exitNotRunnable = 126
	exitNotFound    = 127
	// Between these a shell tells the signal that ended what it ran.
	exitSignals, exitLastSignal = 128, 128 + 64
)

// grace is how long a command has to end by itself after it was asked to, and
// what it left running to let go of its output.
const grace = 2 * time.Second

// errTooLong is why a command is ended whose time is over.
var errTooLong = errors.New("no answer in time")

// askCommand gives the line to a shell, as people expect who write kubectl lines
// with pipes and variables; a splitter of our own would be one more set of
// quoting rules to know. Nothing that comes from the cluster gets into the line:
// the question is in the environment, and whole as JSON on stdin.
//
// The exit code is the answer. Any but the four is that of a check that broke.
func (j judge) askCommand(ctx context.Context, g rollout.GateSpec, about rollout.Question) rollout.Answer {
	question, err := json.Marshal(about)
	if err != nil {
		return inconclusive("the question cannot be written: %v", err)
	}
	limit := within(g, CommandTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit.Std(), errTooLong)
	defer cancel()

	var out, trouble tail
	cmd := shell(ctx, g.Value)
	cmd.Env = append(append(os.Environ(), j.Env...), environment(about)...)
	cmd.Stdin = bytes.NewReader(append(question, '\n'))
	cmd.Stdout, cmd.Stderr = &out, &trouble
	cmd.WaitDelay = grace
	cmd.Cancel = func() error { return askGroupToEnd(cmd) }
	err = cmd.Run()
	if ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay) {
		endGroup(cmd)
	}
	said := lastLine(string(out.kept))
	if said == "" {
		said = lastLine(string(trouble.kept))
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // the latter left something running, after exit 0
		return rollout.Answer{Result: rollout.Pass, Message: said}
	case errors.Is(context.Cause(ctx), errTooLong):
		return inconclusive("no answer within %s%s", limit, quoted(said))
	case ctx.Err() != nil:
		return inconclusive("interrupted")
	}
	return fromExit(err, said)
}

// fromExit reads the answer from how the command ended.
func fromExit(err error, said string) rollout.Answer {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return inconclusive("the command could not be started: %v", err)
	}
	switch code := exit.ExitCode(); {
	case code == exitFail:
		return rollout.Answer{Result: rollout.Fail, Message: said}
	case code == exitInconclusive:
		return rollout.Answer{Result: rollout.Inconclusive, Message: said}
	case code == exitNoData:
		return rollout.Answer{Result: rollout.NoData, Message: said}
	case code == exitNotFound:
		return inconclusive("the command was not found (exit 127)%s", quoted(said))
	case code == exitNotRunnable:
		return inconclusive("the command is not executable (exit 126)%s", quoted(said))
	case code < 0: // no code: a signal ended the shell itself
		return inconclusive("the command was ended: %s%s", exit.ProcessState, quoted(said))
	case code > exitSignals && code <= exitLastSignal:
		return inconclusive("the command was ended by signal %d (exit %d)%s", code-exitSignals, code, quoted(said))
	default:
		return inconclusive("exit %d is none of 0 pass, 1 fail, 2 inconclusive, 3 no data%s", code, quoted(said))
	}
}

func quoted(said string) string {
	if said == "" {
		return ""
	}
	return ": " + said
}

// environment is the question for scripts that do not read JSON. Lists are
// separated by spaces, which an image's name cannot hold.
func environment(q rollout.Question) []string {
	return []string{
		"MSA_ROLLOUT_ID=" + q.ID,
		"MSA_NAMESPACE=" + q.Workload.Namespace,
		"MSA_WORKLOAD=" + q.Workload.String(),
		"MSA_STRATEGY=" + string(q.Strategy),
		"MSA_STEP=" + strconv.Itoa(q.Step),
		"MSA_WEIGHT=" + q.Asked.String(),
		"MSA_OBSERVED=" + q.Observed.String(),
		"MSA_OLD_HASH=" + q.OldHash,
		"MSA_NEW_HASH=" + q.NewHash,
		"MSA_OLD_IMAGES=" + strings.Join(q.OldImages, " "),
		"MSA_NEW_IMAGES=" + strings.Join(q.NewImages, " "),
		fmt.Sprintf("MSA_SECONDS=%d", int64(q.Now.Sub(q.Since).Seconds())),
	}
}
