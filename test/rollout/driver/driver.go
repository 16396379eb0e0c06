// Package driver runs the tool as the process that drives a rollout, and reads
// what it tells.
package driver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// Seen is an event and when its line came.
type Seen struct {
	rollout.Event
	Came time.Time
	Line string
}

// Driver is a process of the tool.
type Driver struct {
	args   []string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{}

	mu     sync.Mutex
	events []Seen
	bad    []string
	more   chan struct{}
}

// Start runs "kubectl-msa rollout ARGS -o json". The test's end kills it; where the test failed, all that it told is logged.
func Start(t testing.TB, kubeconfig, ns string, args ...string) *Driver {
	t.Helper()
	args = append(append([]string{"rollout"}, args...), "-n", ns, "-o", "json")
	d := &Driver{args: args, ended: make(chan struct{}), more: make(chan struct{})}
	d.cmd = exec.Command(workshop.Tool(t), args...)
	d.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "MSA_LANG=en")
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(out)
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("%s", d.Story())
		}
	})
	return d
}

func (d *Driver) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		one := Seen{Came: time.Now(), Line: lines.Text()}
		err := json.Unmarshal(lines.Bytes(), &one.Event)
		d.mu.Lock()
		if err != nil {
			d.bad = append(d.bad, one.Line)
		} else {
			d.events = append(d.events, one)
		}
		close(d.more)
		d.more = make(chan struct{})
		d.mu.Unlock()
	}
	_ = d.cmd.Wait()
	close(d.ended)
}

// Kill ends the process at once and returns when it is gone.
func (d *Driver) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// Signal sends it a signal.
func (d *Driver) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s %v: %v", s, d.args, err)
	}
}

// Events are those so far.
func (d *Driver) Events() []Seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Seen(nil), d.events...)
}

// Until waits for an event, also one that has come already. It fails the test when the process ends without it, or in time.
func (d *Driver) Until(t testing.TB, what string, patience time.Duration, is func(Seen) bool) Seen {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	next := 0
	for {
		d.mu.Lock()
		events, more := d.events, d.more
		d.mu.Unlock()
		for ; next < len(events); next++ {
			if is(events[next]) {
				return events[next]
			}
		}
		select {
		case <-more:
		case <-d.ended:
			d.mu.Lock()
			rest := d.events[next:]
			d.mu.Unlock()
			for _, one := range rest {
				if is(one) {
					return one
				}
			}
			t.Fatalf("%v ended with code %d before %s", d.args, d.cmd.ProcessState.ExitCode(), what)
		case <-late.C:
			t.Fatalf("%v: no %s within %s", d.args, what, patience)
		}
	}
}

// Result is how a process ended. Code is -1 where a signal ended it.
type Result struct {
	Code   int
	Events []Seen
	Stderr string
}

// Last is the last event; the zero event where there is none.
func (r Result) Last() rollout.Event {
	if len(r.Events) == 0 {
		return rollout.Event{}
	}
	return r.Events[len(r.Events)-1].Event
}

// Wait waits for the end of the process.
func (d *Driver) Wait(t testing.TB, patience time.Duration) Result {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		t.Fatalf("%v did not end within %s", d.args, patience)
	}
	if len(d.bad) > 0 {
		t.Errorf("%v: lines that are no event: %q", d.args, d.bad)
	}
	return Result{Code: d.cmd.ProcessState.ExitCode(), Events: d.Events(), Stderr: d.stderr.String()}
}

// Gone says that the process has ended.
func (d *Driver) Gone() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// Story is all that the process told, for the log of a test.
func (d *Driver) Story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", strings.Join(d.args, " "))
	for _, e := range d.Events() {
		fmt.Fprintf(&b, "  %s %s\n", e.Came.UTC().Format("15:04:05.000"), e.Line)
	}
	if d.Gone() {
		fmt.Fprintf(&b, "  exit %d\n%s", d.cmd.ProcessState.ExitCode(), d.stderr.String())
	}
	return b.String()
}
