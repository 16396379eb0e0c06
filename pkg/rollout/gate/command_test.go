//go:build unix

package gate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func command(line string) rollout.GateSpec {
	return rollout.GateSpec{Kind: rollout.GateCommand, Value: line}
}

func TestCommandAnswersByItsExitCode(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(broken, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, c := range map[string]struct {
		result  rollout.Result
		message string
	}{
		"true":                              {rollout.Pass, ""},
		"echo 0 errors":                     {rollout.Pass, "0 errors"},
		"exit 1":                            {rollout.Fail, ""},
		"echo first; echo 3 errors; exit 1": {rollout.Fail, "3 errors"},
		"echo too few; exit 2":              {rollout.Inconclusive, "too few"},
		"echo no series; exit 3":            {rollout.NoData, "no series"},

		// A broken check is not a bad version.
		"echo odd; exit 4":                        {rollout.Inconclusive, "exit 4 is none of 0 pass, 1 fail, 2 inconclusive, 3 no data: odd"},
		"exit 255":                                {rollout.Inconclusive, "exit 255 is none of 0 pass, 1 fail, 2 inconclusive, 3 no data"},
		"/nonexistent/check 2>/dev/null":          {rollout.Inconclusive, "the command was not found (exit 127)"},
		broken + " 2>/dev/null":                   {rollout.Inconclusive, "the command is not executable (exit 126)"},
		"kill -9 $$":                              {rollout.Inconclusive, "the command was ended: signal: killed"},
		"sh -c 'kill -9 $$' 2>/dev/null; exit $?": {rollout.Inconclusive, "the command was ended by signal 9 (exit 137)"},
		"if": {rollout.Inconclusive, ""},

		// What it says.
		"echo because >&2; exit 1":                                       {rollout.Fail, "because"},
		"echo this; echo not this >&2; exit 1":                           {rollout.Fail, "this"},
		"echo said; echo; echo '  '":                                     {rollout.Pass, "said"},
		`printf '10%%\r50%%\r100%%'`:                                     {rollout.Pass, "100%"},
		`printf '\033[31mred\033[0m \033]0;x\007'`:                       {rollout.Pass, "red \uFFFD]0;x\uFFFD"},
		"yes aaaaaaaaaaaaaaaaaaaaaaaa | head -c 1000000; echo; echo end": {rollout.Pass, "end"},

		// How it is run.
		"cd / && pwd | grep -qx / && echo shell": {rollout.Pass, "shell"},
	} {
		t.Run(line, func(t *testing.T) {
			got := ask(t, command(line), question())
			if line == "if" { // how a shell puts its syntax error differs
				got.Message = ""
			}
			want(t, got, c.result, c.message)
		})
	}
}

func TestCommandIsToldTheQuestion(t *testing.T) {
	line := `echo "$MSA_ROLLOUT_ID|$MSA_NAMESPACE|$MSA_WORKLOAD|$MSA_STRATEGY|$MSA_STEP|$MSA_WEIGHT|$MSA_OBSERVED|$MSA_OLD_HASH|$MSA_NEW_HASH|$MSA_OLD_IMAGES|$MSA_NEW_IMAGES|$MSA_SECONDS"`
	want(t, ask(t, command(line), question()), rollout.Pass,
		"r1|shop|deployment/web|canary|2|25|25|aaa|bbb|shop/web:v1 proxy:1|shop/web:v2 proxy:1|90")
	// The message is bounded, so the JSON is looked at from within.
	for _, part := range []string{
		`"id":"r1"`, `"workload":{"kind":"Deployment","namespace":"shop","name":"web"}`, `"step":2,"asked":25,"observed":24.96`,
		`"newImages":["shop/web:v2","proxy:1"]`, `"since":"2026-03-01T12:00:00Z","now":"2026-03-01T12:01:30Z"`,
	} {
		want(t, ask(t, command("grep -qF '"+part+"' && echo yes"), question()), rollout.Pass, "yes")
	}
}

// A value from the cluster is never part of the line.
func TestCommandLineHoldsNothingOfTheCluster(t *testing.T) {
	q := question()
	q.NewImages = []string{"$(echo spoilt)", "`echo spoilt`; echo spoilt"}
	want(t, ask(t, command(`printf '%s' "$MSA_NEW_IMAGES"`), q), rollout.Pass, "$(echo spoilt) `echo spoilt`; echo spoilt")
}

func TestCommandFromTheJournalIsNotRun(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	line := "touch " + mark
	for name, may := range map[string]func(rollout.GateSpec) bool{"nobody was asked": nil, "another was agreed to": Only([]rollout.GateSpec{command("true")})} {
		got := New(Options{MayAsk: may}).Judge(t.Context(), command(line), question())
		if _, err := os.Stat(mark); err == nil || got.Result != rollout.Inconclusive || !strings.Contains(got.Message, "nobody here agreed") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestCommandHasTheGivenEnvironment(t *testing.T) {
	j := New(Options{MayAsk: anything, Env: []string{"KUBECONFIG=/given"}})
	want(t, j.Judge(t.Context(), command("echo $KUBECONFIG"), question()), rollout.Pass, "/given")
}

func TestCommandThatHangsIsEndedWithAllItStarted(t *testing.T) {
	for name, c := range map[string]struct {
		line    string
		message string
	}{
		"it goes when asked":                       {"echo started; sleep 600 & echo $! >PIDS; wait", "no answer within 300ms: started"},
		"it says fail when asked to end":           {"trap 'exit 1' TERM; sleep 600 & echo $! >PIDS; wait", "no answer within 300ms"},
		"it does not go when asked":                {"trap '' TERM; sleep 600 & echo $! >PIDS; wait; wait; sleep 600", "no answer within 300ms"},
		"what it started has let go of its output": {"(trap '' TERM; exec sleep 600) >/dev/null 2>&1 </dev/null & echo $! >PIDS; wait", "no answer within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pids := filepath.Join(t.TempDir(), "pids")
			g := command(strings.ReplaceAll(c.line, "PIDS", pids))
			g.Timeout = rollout.Duration(300 * time.Millisecond)
			want(t, ask(t, g, question()), rollout.Inconclusive, c.message)
			ended(t, pids)
		})
	}
}

func TestCommandIsEndedWhenTheDriverIs(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if b, _ := os.ReadFile(pids); len(b) > 0 || ctx.Err() != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	got := New(Options{MayAsk: anything}).Judge(ctx, command("sleep 600 & echo $! >"+pids+"; wait"), question())
	want(t, got, rollout.Inconclusive, "interrupted")
	ended(t, pids)
}

// What is left running after an answer does not change the answer, nor keep anybody waiting for its end.
func TestCommandThatLeavesSomethingRunning(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	want(t, ask(t, command("sleep 600 & echo $! >"+pids+"; echo fine"), question()), rollout.Pass, "fine")
	ended(t, pids)
}

// ended fails where the process still runs, once its end has had time to be seen.
func ended(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Errorf("process %d still runs", pid)
}

// isZombie says that the process has ended and only waits to be counted: in a container without an init nobody does.
func isZombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z")
}
