// Package super is the supervisor of one sandbox: the process that starts the
// others, keeps them running and says how far they are.
package super

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// restartDelay is the pause before a component that died is started again.
const restartDelay = time.Second

// procs starts programs and knows which children are its own, so that as
// process 1 of a PID namespace it reaps the others and only them.
type procs struct {
	mu  sync.Mutex
	own map[int]bool
	// starts are carried out by one thread that never ends: the kernel takes
	// the end of a child's parent thread for the parent's death (prctl(2),
	// PR_SET_PDEATHSIG).
	starts chan startRequest
	status *statusBoard
}

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func newProcs(status *statusBoard) *procs {
	p := &procs{own: map[int]bool{}, starts: make(chan startRequest), status: status}
	go func() {
		runtime.LockOSThread()
		for r := range p.starts {
			p.mu.Lock()
			err := r.cmd.Start()
			if err == nil {
				p.own[r.cmd.Process.Pid] = true
			}
			p.mu.Unlock()
			r.done <- err
		}
	}()
	return p
}

func (p *procs) start(cmd *exec.Cmd) error {
	dieWithParent(cmd)
	r := startRequest{cmd: cmd, done: make(chan error, 1)}
	p.starts <- r
	return <-r.done
}

func (p *procs) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	p.mu.Lock()
	delete(p.own, cmd.Process.Pid)
	p.mu.Unlock()
	return err
}

// output runs a program to its end and returns what it wrote.
func (p *procs) output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := p.start(cmd); err != nil {
		return nil, err
	}
	err := p.wait(cmd)
	return out.Bytes(), err
}

// keep starts a component and starts it again whenever it ends, until the
// context does. It returns once the first start is done.
func (p *procs) keep(ctx context.Context, dir state.Dir, one plan.Process) error {
	logFile, err := os.OpenFile(dir.Log(one.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", one.Name, err)
	}
	launch := func() (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, one.Path, one.Args...)
		cmd.Stdout, cmd.Stderr = logFile, logFile
		cmd.Env = environment(dir)
		err := p.start(cmd)
		return cmd, err
	}
	cmd, err := launch()
	if err != nil {
		return fmt.Errorf("%s: %w", one.Name, err)
	}
	p.status.component(one.Name, cmd.Process.Pid, 0, "running")
	go func() {
		for restarts := 1; ; restarts++ {
			err := p.wait(cmd)
			if ctx.Err() != nil {
				return
			}
			fmt.Fprintf(logFile, "sandbox: %s ended: %v; starting it again\n", one.Name, err)
			p.status.component(one.Name, 0, restarts, "restarting")
			for {
				time.Sleep(restartDelay)
				if cmd, err = launch(); err == nil || ctx.Err() != nil {
					break
				}
				fmt.Fprintf(logFile, "sandbox: %s: %v\n", one.Name, err)
			}
			if ctx.Err() != nil {
				return
			}
			p.status.component(one.Name, cmd.Process.Pid, restarts, "running")
		}
	}()
	return nil
}

// environment keeps the host's settings (proxies, above all) out of the
// components.
func environment(dir state.Dir) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir.In("data"), "LANG=C.UTF-8"}
	if runtime.GOOS == "windows" {
		env = append(env, "SystemRoot="+os.Getenv("SystemRoot"))
	}
	return env
}

// statusBoard is the supervisor's status file.
type statusBoard struct {
	mu  sync.Mutex
	dir state.Dir
	now state.Status
}

func newStatusBoard(dir state.Dir, pid int) *statusBoard {
	return &statusBoard{dir: dir, now: state.Status{PID: pid, Started: time.Now()}}
}

func (b *statusBoard) change(f func(*state.Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.now)
	if err := b.dir.Write(state.StatusFile, b.now); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
	}
}

func (b *statusBoard) step(name string) {
	b.change(func(s *state.Status) {
		s.Steps = append(s.Steps, state.Step{Name: name, After: time.Since(s.Started)})
	})
}

func (b *statusBoard) component(name string, pid, restarts int, condition string) {
	b.change(func(s *state.Status) {
		now := state.ComponentStatus{Name: name, PID: pid, Restarts: restarts, State: condition}
		for i := range s.Components {
			if s.Components[i].Name == name {
				s.Components[i] = now
				return
			}
		}
		s.Components = append(s.Components, now)
	})
}
