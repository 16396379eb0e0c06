package box

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/node"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// goneWithin is how long the kernel may take to end everything in a sandbox.
const goneWithin = 30 * time.Second

// Down ends the sandbox and removes what it left. A sandbox that does not
// exist is down already.
func Down(ctx context.Context, dir state.Dir) error {
	lock, err := state.AcquireLock(ctx, dir.OperationLock())
	if err != nil {
		return err
	}
	defer lock.Release()
	return clean(dir)
}

// clean ends what lives and removes what is left. The caller holds the
// operation lock.
func clean(dir state.Dir) error {
	deadline := time.Now().Add(goneWithin)
	for pid := 0; ; {
		if found := findSupervisor(dir); found != 0 {
			pid = found
			if err := end(pid); err != nil {
				return fmt.Errorf("end sandbox %s: %w", dir.Name, err)
			}
		}
		alive, err := Alive(dir)
		if err != nil {
			return err
		}
		// The lock is free before the namespaces are empty; the process is
		// gone only after.
		if !alive && !lives(pid) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sandbox %s did not end within %s", dir.Name, goneWithin)
		}
		time.Sleep(20 * time.Millisecond)
	}
	name, hierarchies := plan.Cgroup(dir), node.Hierarchies()
	for _, left := range node.CgroupProcesses(hierarchies, name) {
		_ = end(left)
	}
	if err := node.RemoveCgroup(hierarchies, name, time.Until(deadline)); err != nil {
		return fmt.Errorf("sandbox %s: %w", dir.Name, err)
	}
	if err := os.RemoveAll(dir.Path); err != nil {
		return fmt.Errorf("sandbox %s: %w", dir.Name, err)
	}
	return nil
}

// Running loads what a command needs to know of a sandbox that is up.
func Running(dir state.Dir) (plan.Spec, state.Status, error) {
	var spec plan.Spec
	alive, err := Alive(dir)
	if err != nil {
		return spec, state.Status{}, err
	}
	if !alive {
		return spec, state.Status{}, fmt.Errorf("sandbox %s is not up: run `sandbox up --name %s`", dir.Name, dir.Name)
	}
	if err := dir.Read(plan.SpecFile, &spec); err != nil {
		return spec, state.Status{}, err
	}
	status, err := dir.ReadStatus()
	if errors.Is(err, os.ErrNotExist) {
		return spec, status, fmt.Errorf("sandbox %s is still starting", dir.Name)
	}
	return spec, status, err
}
