package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/exec"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// Commands runs a command in a container of the pod. It calls started when the
// container runtime has been reached, and writes what the command says to out.
// The error of a command that ended by itself is an exec.ExitError.
type Commands interface {
	Run(ctx context.Context, container string, command []string, out *Output, started func()) error
}

// outputKept is how much of a command's output the kubelet keeps (pkg/probe/exec, maxReadLength).
const outputKept = 10 << 10

// Output keeps the beginning of what is written to it, from several goroutines.
type Output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := outputKept - o.kept.Len(); room > 0 {
		o.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// command is an exec probe (pkg/probe/exec/exec.go): exit code 0 passes, any
// other fails, and so does a command that the timeout ends. What cannot even be
// started is no verdict.
func (a Asker) command(ctx context.Context, action *corev1.ExecAction, c *corev1.Container, timeout time.Duration) (probe.Sample, error) {
	words := make([]string, len(action.Command))
	for i, w := range action.Command {
		words[i] = expand(w, c.Env)
	}
	within, clock := newClock(ctx, timeout)
	defer clock.stop()
	clock.Pause()
	var out Output
	err := a.Commands.Run(within, c.Name, words, &out, func() { clock.Resume(0) })
	took := clock.took(time.Now())
	var exit exec.ExitError
	switch {
	case ctx.Err() != nil:
		return probe.Sample{}, context.Cause(ctx)
	case late(within):
		return probe.Sample{
			Verdict: probe.Failure, Late: true, Took: took,
			Reason: fmt.Sprintf("command timed out: %q timed out after %s", strings.Join(words, " "), timeout),
		}, nil
	case err == nil:
		return probe.Sample{Verdict: probe.Success, Took: took}, nil
	case isGone(err):
		return probe.Sample{}, err
	case errors.As(err, &exit) && exit.Exited():
		if exit.ExitStatus() == 0 {
			return probe.Sample{Verdict: probe.Success, Took: took}, nil
		}
		return probe.Sample{Verdict: probe.Failure, Reason: strings.TrimSpace(out.String()), Took: took}, nil
	}
	return probe.Sample{Verdict: probe.Discarded, Reason: err.Error(), Missing: notStarted(err.Error())}, nil
}

// notStarted recognises, in the words of runc, that a command is not there or cannot be run.
func notStarted(message string) bool {
	for _, words := range []string{"executable file not found", "no such file or directory", "permission denied", "exec format error", "is a directory"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}

// expand replaces $(NAME) by the value that the container's spec has for it in
// plain text; one whose value comes from elsewhere is empty, an unknown name stays, and $$ is a dollar
// (pkg/kubelet/container, ExpandContainerCommandOnlyStatic; third_party/forked/golang/expansion).
func expand(text string, env []corev1.EnvVar) string {
	values := map[string]string{}
	for _, e := range env {
		values[e.Name] = e.Value
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		rest := text[i+1:]
		if end := strings.IndexByte(rest, ')'); rest[0] == '(' && end > 0 {
			name := rest[1:end]
			value, ok := values[name]
			if !ok {
				value = "$(" + name + ")"
			}
			out.WriteString(value)
			i += end + 1
			continue
		}
		_, size := utf8.DecodeRuneInString(rest)
		if rest[0] != '$' { // two of them stand for one
			out.WriteByte('$')
		}
		out.WriteString(rest[:size])
		i += size
	}
	return out.String()
}
