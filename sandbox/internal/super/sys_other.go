//go:build !linux

package super

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

func dieWithParent(*exec.Cmd) {}

func hostPID() int { return os.Getpid() }

// reap has nothing to do: only process 1 inherits orphans.
func (p *procs) reap(context.Context) {}

func enterNode(context.Context, *procs, plan.Spec, state.Dir, []string) (plan.Host, error) {
	return plan.Host{}, errors.New("a real node needs Linux")
}
