package gate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func question() rollout.Question {
	return rollout.Question{
		ID: "r1", Workload: rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, Strategy: rollout.Canary,
		Step: 2, Asked: 25, Observed: 24.96, OldHash: "aaa", NewHash: "bbb", OldImages: []string{"shop/web:v1", "proxy:1"},
		NewImages: []string{"shop/web:v2", "proxy:1"}, Since: noon, Now: noon.Add(90 * time.Second),
	}
}

func anything(rollout.GateSpec) bool { return true }

// ask asks with everything allowed.
func ask(t *testing.T, g rollout.GateSpec, q rollout.Question) rollout.Answer {
	t.Helper()
	answer := New(Options{MayAsk: anything}).Judge(t.Context(), g, q)
	if !answer.At.Equal(q.Now) {
		t.Errorf("answered at %s, asked at %s", answer.At, q.Now)
	}
	return answer
}

func want(t *testing.T, got rollout.Answer, result rollout.Result, message string) {
	t.Helper()
	if got.Result != result || got.Message != message {
		t.Errorf("got %s %q, want %s %q", got.Result, got.Message, result, message)
	}
}

func TestTime(t *testing.T) {
	for after, c := range map[time.Duration]struct {
		result  rollout.Result
		message string
	}{
		-time.Minute:      {rollout.Pending, "until 12:02:00 UTC"}, // the clock of another API server
		0:                 {rollout.Pending, "until 12:02:00 UTC"},
		2*time.Minute - 1: {rollout.Pending, "until 12:02:00 UTC"},
		2 * time.Minute:   {rollout.Pass, "at least 2m"},
		time.Hour:         {rollout.Pass, "at least 2m"},
	} {
		q := question()
		q.Now = q.Since.Add(after)
		want(t, ask(t, rollout.GateSpec{Kind: rollout.GateTime, Value: "2m"}, q), c.result, c.message)
	}
}

func TestPerson(t *testing.T) {
	want(t, ask(t, rollout.GateSpec{Kind: rollout.GatePerson}, question()), rollout.Pending, "kubectl msa rollout promote deployment/web -n shop")
}

// What cannot be asked, from a plan that somebody edited, never passes and blames nobody.
func TestWhatCannotBeAskedIsInconclusive(t *testing.T) {
	for _, g := range []rollout.GateSpec{
		{Kind: rollout.GateReady}, {Kind: rollout.GateRestarts, Value: "3"}, {Kind: "metrics", Value: "x"}, {},
		{Kind: rollout.GateTime, Value: "soon"}, {Kind: rollout.GateCommand}, {Kind: rollout.GateWebhook, Value: "gate"}, {Kind: rollout.GatePerson, Value: "me"},
	} {
		if got := ask(t, g, question()); got.Result != rollout.Inconclusive || got.Message == "" {
			t.Errorf("%s: %+v", g, got)
		}
	}
}

func TestReachingGatesOfAPlan(t *testing.T) {
	smoke, hook, check := command("./smoke.sh"), webhook("https://judge/"), command("make check")
	got := Reaching(rollout.Spec{
		Gates: []rollout.GateSpec{smoke, {Kind: rollout.GateTime, Value: "2m"}, hook},
		Steps: []rollout.Step{{Gates: []rollout.GateSpec{smoke}}, {Gates: []rollout.GateSpec{check, {Kind: rollout.GatePerson}}}},
	})
	if !slices.Equal(got, []rollout.GateSpec{smoke, hook, check}) {
		t.Errorf("%v", got)
	}
	may := Only(got)
	for _, other := range []rollout.GateSpec{command("./smoke.sh; rm x"), webhook("./smoke.sh"), command("")} {
		if may(other) {
			t.Errorf("%s was not in the plan", other)
		}
	}
}

func TestOneLine(t *testing.T) {
	for given, want := range map[string]string{
		"p99 is 240ms":                        "p99 is 240ms",
		"  a\tb\r\n c ":                       "a b c",
		"\x1b[1;31mred\x1b[0m":                "red",
		"\x1b]0;title\x07x":                   "\uFFFD]0;title\uFFFDx",
		"user\u202etxt.exe":                   "user\uFFFDtxt.exe",
		"bad \xff byte":                       "bad \uFFFD byte",
		strings.Repeat("가", longestMessage):   strings.Repeat("가", longestMessage),
		strings.Repeat("가", longestMessage+1): strings.Repeat("가", longestMessage-1) + "…",
	} {
		if got := oneLine(given); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var kept tail
	for _, chunk := range []string{strings.Repeat("a", mostKept-1), "b", strings.Repeat("c", 10), strings.Repeat("d", 3*mostKept) + "end"} {
		if n, err := kept.Write([]byte(chunk)); n != len(chunk) || err != nil {
			t.Fatalf("wrote %d of %d, %v", n, len(chunk), err)
		}
		if len(kept.kept) > mostKept || !strings.HasSuffix(chunk, string(kept.kept[len(kept.kept)-min(len(chunk), 3):])) {
			t.Fatalf("after %d bytes %d are kept, ending in %q", len(chunk), len(kept.kept), kept.kept[len(kept.kept)-3:])
		}
	}
}
