// Package tool holds the small commands of the shop's binary. The images hold
// nothing else, no shell and no coreutils, so these are what an exec probe, an
// init container or a faulty Pod can run.
package tool

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// Command is one small command. Help shows its arguments and says what it does.
type Command struct {
	Args, Help string
	// min is the least number of arguments.
	min int
	run func(ctx context.Context, out io.Writer, args []string) error
}

func all() map[string]Command {
	return map[string]Command{
		"sleep":      {"DURATION|forever [ignore-term]", "wait; SIGTERM ends it with 143, unless ignored", 1, sleep},
		"exit":       {"CODE [MESSAGE…]", "log the message to stderr and end with the code", 1, exit},
		"echo":       {"[WORD…]", "print the words", 0, echo},
		"cat":        {"FILE…", "print the files", 1, cat},
		"write":      {"FILE TEXT…", "write a file", 2, write},
		"env":        {"NAME…", "print variables; one that is not set is an error", 1, printEnv},
		"memory":     {"MB_PER_SECOND", "take memory until the kernel ends it", 1, memory},
		"probe-exec": {"OK|FAIL|SLOW", "answer an exec probe: 0, 1, or 0 after 30 s", 1, probeExec},
		"health":     {"http URL | tcp ADDR | grpc ADDR [SERVICE] | file PATH [MAX-AGE]", "check something once", 2, checkHealth},
		"get":        {"URL", "print the answer of a URL", 1, get},
	}
}

// Names returns the names of the commands, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all())) }

// Lookup returns the command called name.
func Lookup(name string) (Command, bool) {
	c, ok := all()[name]
	return c, ok
}

// Run runs the command. It returns a *fault.Exit to end with a code of its own.
func (c Command) Run(ctx context.Context, out io.Writer, args []string) error {
	if len(args) < c.min {
		return usage("missing arguments; want " + c.Args)
	}
	return c.run(ctx, out, args)
}

func usage(message string) error { return &fault.Exit{Code: 2, Message: message} }

func sleep(ctx context.Context, _ io.Writer, args []string) error {
	d := time.Duration(1<<63 - 1)
	if args[0] != "forever" {
		var err error
		if d, err = time.ParseDuration(args[0]); err != nil {
			return usage("sleep: want a duration such as 10s, or forever")
		}
	}
	if len(args) > 1 && args[1] == "ignore-term" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return &fault.Exit{Code: 143, Message: "terminated"}
	}
}

func exit(_ context.Context, _ io.Writer, args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil || code < 0 || code > 255 {
		return usage("exit: want a code from 0 to 255")
	}
	return &fault.Exit{Code: code, Message: strings.Join(args[1:], " ")}
}

func echo(_ context.Context, out io.Writer, args []string) error {
	_, err := fmt.Fprintln(out, strings.Join(args, " "))
	return err
}

func cat(_ context.Context, out io.Writer, args []string) error {
	for _, path := range args {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	return nil
}

func write(_ context.Context, _ io.Writer, args []string) error {
	return os.WriteFile(args[0], []byte(strings.Join(args[1:], " ")+"\n"), 0o644)
}

func printEnv(_ context.Context, out io.Writer, args []string) error {
	for _, name := range args {
		v, ok := os.LookupEnv(name)
		if !ok {
			return fmt.Errorf("environment variable %s is not set", name)
		}
		if _, err := fmt.Fprintln(out, v); err != nil {
			return err
		}
	}
	return nil
}

func memory(ctx context.Context, _ io.Writer, args []string) error {
	mb, err := strconv.Atoi(args[0])
	if err != nil || mb < 1 || mb > 4096 {
		return usage("memory: want from 1 to 4096 MB per second")
	}
	fault.TakeMemory(ctx, mb)
	return nil
}
