// Command server is what the containers of the conformance test run: the server
// that misbehaves, something that does nothing, and commands for exec probes.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) == 0 {
		return 2, fmt.Errorf("server serve | switches | record FILE FAIL-FROM [hang] | mark FILE | idle | exit CODE [TEXT] | sleep DURATION | say BYTES | same A B")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	arg := func(i int) string { return strings.Join(args[min(i, len(args)):min(i+1, len(args))], "") }
	switch args[0] {
	case "serve":
		ports := misbehave.Fixed()
		if err := misbehave.Serve(&ports, listen); err != nil {
			return 1, err
		}
		<-ctx.Done()
	case "switches":
		l, err := listen(misbehave.Fixed().HTTP)
		if err != nil {
			return 1, err
		}
		if err := misbehave.Switches(ctx, l); err != nil {
			return 1, err
		}
	case "record":
		from, err := strconv.Atoi(arg(2))
		if err != nil {
			return 2, err
		}
		l, err := listen(misbehave.Fixed().HTTP)
		if err != nil {
			return 1, err
		}
		if err := misbehave.Keep(ctx, l, misbehave.Course{File: arg(1), FailFrom: from, Hang: arg(3) == "hang"}); err != nil {
			return 1, err
		}
	case "mark":
		if err := misbehave.Mark(ctx, arg(1)); err != nil {
			return 1, err
		}
	case "idle":
		<-ctx.Done()
	case "exit":
		code, err := strconv.Atoi(arg(1))
		fmt.Fprintln(os.Stdout, arg(2))
		return code, err
	case "sleep":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return 2, err
		}
		time.Sleep(d)
	case "say":
		n, err := strconv.Atoi(arg(1))
		if err != nil {
			return 2, err
		}
		fmt.Fprintln(os.Stdout, strings.Repeat("x", n))
	case "same":
		if arg(1) != arg(2) {
			return 1, fmt.Errorf("%q is not %q", arg(1), arg(2))
		}
	}
	return 0, nil
}

func listen(port int) (net.Listener, error) {
	host := ""
	if port == misbehave.Fixed().Loopback {
		host = "127.0.0.1"
	}
	return net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}
