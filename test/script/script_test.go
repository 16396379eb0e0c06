// Package script_test runs the tool as a user does, from scripts: arguments and
// environment in, both streams and the exit code out.
package script_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-msa/kubectl-msa/internal/cli"
	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kubectl-msa": func() {
			ctx, stop := term.Interruptible(context.Background())
			code := cli.Run(ctx, cli.System(), os.Args)
			stop()
			os.Exit(code)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: ".",
		Setup: func(env *testscript.Env) error {
			s := newServer()
			env.Defer(s.Close)
			env.Setenv("API", s.URL)
			env.Values[serverKey{}] = s
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":     code,
			"requests": requests,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// code N COMMAND … runs a command that must exit with N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG …]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exited *exec.ExitError
	switch {
	case errors.As(err, &exited):
		got = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

type serverKey struct{}

// requests N checks how many requests the server has had since it was last
// asked; "requests stdout" that the last command printed that number, and
// "requests reset" only forgets them.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: requests N|stdout|reset")
	}
	s, ok := ts.Value(serverKey{}).(*server)
	if !ok {
		ts.Fatalf("no server")
	}
	got, want := strconv.FormatInt(s.requests.Swap(0), 10), args[0]
	switch want {
	case "reset":
		return
	case "stdout":
		want = strings.TrimSpace(ts.ReadFile("stdout"))
	}
	if got != want {
		ts.Fatalf("%s requests, want %s", got, want)
	}
}
