package super

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/addons"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/kube"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/pki"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/plan"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/registry"
	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// startTimeout bounds the whole start of a sandbox on a slow machine.
const startTimeout = 3 * time.Minute

// supervisor brings one sandbox up.
type supervisor struct {
	spec   plan.Spec
	dir    state.Dir
	host   plan.Host
	procs  *procs
	status *statusBoard
	all    map[string]plan.Process
	api    kube.Client
}

// Run is the life of a supervisor: it starts the sandbox described in the
// state directory and keeps it until the context ends. listener, where there
// is one, is the API's listener in the host's network.
func Run(ctx context.Context, dir state.Dir, listener net.Listener, keep []string) error {
	status := newStatusBoard(dir, hostPID())
	status.change(func(*state.Status) {})
	err := run(ctx, dir, status, listener, keep)
	if err != nil && ctx.Err() == nil {
		status.change(func(s *state.Status) { s.Error = err.Error() })
	}
	return err
}

func run(ctx context.Context, dir state.Dir, status *statusBoard, listener net.Listener, keep []string) error {
	s := &supervisor{dir: dir, status: status, procs: newProcs(status)}
	if err := dir.Read(plan.SpecFile, &s.spec); err != nil {
		return err
	}
	s.all = plan.Processes(s.spec, dir)
	if os.Getpid() == 1 {
		go s.procs.reap(ctx)
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.prepare(starting, ctx, listener, keep); err != nil {
		return err
	}
	if err := s.bringUp(starting, ctx); err != nil {
		return err
	}
	status.change(func(now *state.Status) { now.Ready = true })
	<-ctx.Done()
	return nil
}

// prepare makes the machine, its network services and the configuration.
func (s *supervisor) prepare(starting, life context.Context, listener net.Listener, keep []string) error {
	if s.spec.Real {
		host, err := enterNode(starting, s.procs, s.spec, s.dir, keep)
		if err != nil {
			return err
		}
		s.host = host
		s.status.change(func(now *state.Status) { now.Snapshotter = host.Snapshotter })
		if err := s.serveNode(life, listener); err != nil {
			return err
		}
	}
	if err := plan.WriteConfig(s.spec, s.dir, s.host); err != nil {
		return err
	}
	ca, err := os.ReadFile(s.dir.In("pki", "ca.crt"))
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	user, err := pki.LoadPair(s.dir.In("pki"), "supervisor")
	if err != nil {
		return err
	}
	if s.api, err = kube.New(s.spec.Server(), ca, user); err != nil {
		return err
	}
	s.status.step("machine prepared")
	return nil
}

// serveNode listens for the API's clients on the host and inside, and answers
// for the registry and the name server of the machine.
func (s *supervisor) serveNode(life context.Context, listener net.Listener) error {
	if listener != nil {
		go forward(life, listener, s.spec.APIAddress())
	}
	inside, err := new(net.ListenConfig).Listen(life, "tcp", fmt.Sprintf("127.0.0.1:%d", s.spec.APIPort))
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	go forward(life, inside, s.spec.APIAddress())
	pause, err := s.pauseImage()
	if err != nil {
		return err
	}
	if err := registry.Serve(life, plan.RegistryAddress, pause); err != nil {
		return err
	}
	return serveNoNames(life, net.JoinHostPort(plan.NodeIP, "53"))
}

func (s *supervisor) bringUp(starting, life context.Context) error {
	tasks := []func() error{func() error { return s.controlPlane(starting, life) }}
	if s.spec.Real {
		tasks = append(tasks, func() error { return s.runtime(starting, life) })
	}
	if err := together(tasks...); err != nil {
		return err
	}
	tasks = []func() error{
		func() error { return s.startReady(starting, life, plan.ControllerManager) },
		func() error { return s.startReady(starting, life, plan.Scheduler) },
	}
	if s.spec.Real {
		tasks = append(tasks,
			func() error { return s.startReady(starting, life, plan.Kubelet) },
			func() error { return s.startReady(starting, life, plan.Proxy) },
			// It needs a first round of measurements, which nobody has to wait for.
			func() error { return s.procs.keep(life, s.dir, s.all[plan.MetricsServer]) },
			func() error { return s.applyAddons(starting) },
			func() error { return s.importCoreDNS(starting) },
			func() error { return s.nodeReady(starting) },
		)
	}
	if s.spec.FakeNodes > 0 {
		tasks = append(tasks, func() error { return s.fakeNodes(starting, life) })
	}
	tasks = append(tasks, func() error { return s.defaultServiceAccount(starting) })
	if err := together(tasks...); err != nil {
		return err
	}
	if s.spec.Real {
		return s.dnsReady(starting)
	}
	return nil
}

// together runs the tasks at the same time and returns all their errors.
func together(tasks ...func() error) error {
	errs := make([]error, len(tasks))
	var wait sync.WaitGroup
	for i, task := range tasks {
		wait.Add(1)
		go func() {
			defer wait.Done()
			errs[i] = task()
		}()
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (s *supervisor) controlPlane(starting, life context.Context) error {
	if err := s.startReady(starting, life, plan.Etcd); err != nil {
		return err
	}
	return s.startReady(starting, life, plan.APIServer)
}

// runtime starts containerd and gives it the image that every pod needs.
func (s *supervisor) runtime(starting, life context.Context) error {
	if err := s.startReady(starting, life, plan.Containerd); err != nil {
		return err
	}
	return s.importPause(starting)
}

func (s *supervisor) applyAddons(ctx context.Context) error {
	ca, err := os.ReadFile(s.dir.In("pki", "ca.crt"))
	if err != nil {
		return fmt.Errorf("addons: %w", err)
	}
	objects, err := addons.Objects(s.spec, ca)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := s.api.Apply(ctx, o.Path, o.Body); err != nil {
			return err
		}
	}
	s.status.step("addons applied")
	return nil
}

func (s *supervisor) fakeNodes(starting, life context.Context) error {
	if err := s.procs.keep(life, s.dir, s.all[plan.Kwok]); err != nil {
		return err
	}
	if err := addons.FakeNodes(starting, s.api, s.spec.FakeNodes, s.spec.Real); err != nil {
		return err
	}
	s.status.step(fmt.Sprintf("%d fake nodes created", s.spec.FakeNodes))
	return nil
}
