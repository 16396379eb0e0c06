package gate

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func TestParse(t *testing.T) {
	for typed, want := range map[string]rollout.GateSpec{
		"time=2m":                        {Kind: rollout.GateTime, Value: "2m"},
		" time = 90s ":                   {Kind: rollout.GateTime, Value: "90s"},
		"command=./smoke.sh a=b":         {Kind: rollout.GateCommand, Value: "./smoke.sh a=b"},
		"command=curl -f $URL | grep ok": {Kind: rollout.GateCommand, Value: "curl -f $URL | grep ok"},
		"webhook=https://gate/ask?a=b":   {Kind: rollout.GateWebhook, Value: "https://gate/ask?a=b"},
		"webhook=http://[::1]:8080":      {Kind: rollout.GateWebhook, Value: "http://[::1]:8080"},
		"person":                         {Kind: rollout.GatePerson},
	} {
		got, err := Parse(typed)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", typed, got, err)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which is read as %+v, %v", typed, got, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for typed, want := range map[string]struct {
		problem Problem
		says    string
	}{
		"":                          {ProblemKind, "use one of time=2m, command=./smoke.sh, webhook=https://host/path, person"},
		"tme=2m":                    {ProblemKind, "did you mean time=2m?"},
		"Person":                    {ProblemKind, "did you mean person?"},
		"webhok=https://x":          {ProblemKind, "did you mean webhook=https://host/path?"},
		"./smoke.sh":                {ProblemKind, `no gate "./smoke.sh": use one of`},
		"https://gate/ask?a=b":      {ProblemKind, "did you mean webhook=https://gate/ask?a=b?"},
		"\x1b[2Jx":                  {ProblemKind, `no gate "x"`},
		"ready":                     {ProblemAlways, "set --timeout"},
		"restarts=3":                {ProblemAlways, "set --max-restarts"},
		"time":                      {ProblemValue, "write it as time=2m"},
		"time=":                     {ProblemValue, "write it as time=2m"},
		"command=\t":                {ProblemValue, "write it as command=./smoke.sh"},
		"webhook":                   {ProblemValue, "write it as webhook=https://host/path"},
		"person=me":                 {ProblemNoValue, "write only person"},
		"person=":                   {ProblemNoValue, "write only person"},
		"time=2":                    {ProblemDuration, `"2" is not a length of time above 0`},
		"time=-2m":                  {ProblemDuration, `"-2m"`},
		"time=0s":                   {ProblemDuration, `"0s"`},
		"command=a\x00b":            {ProblemCommand, "NUL"},
		"webhook=gate.shop/ask":     {ProblemAddress, `"gate.shop/ask" is not an address`},
		"webhook=ftp://gate/ask":    {ProblemAddress, "write it as https://host/path"},
		"webhook=https:///ask":      {ProblemAddress, "write it as https://host/path"},
		"webhook=http://:80/":       {ProblemAddress, "write it as https://host/path"},
		"webhook=https://a:b@gate/": {ProblemPassword, "readable in the rollout's ConfigMap"},
		"webhook=https://a@gate/":   {ProblemPassword, "readable in the rollout's ConfigMap"},
		"webhook=http://gate\x7f/":  {ProblemAddress, "write it as https://host/path"},
	} {
		_, err := Parse(typed)
		var wrong *SpecError
		if !errors.As(err, &wrong) || wrong.Problem != want.problem || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: %v, want %s: …%s…", typed, err, want.problem, want.says)
		}
	}
}

func TestAPasswordIsNotRepeated(t *testing.T) {
	_, err := Parse("webhook=https://user:hunter2@gate/")
	for _, l := range lang.All() {
		var wrong *SpecError
		if errors.As(err, &wrong); wrong == nil || strings.Contains(wrong.In(l), "hunter2") {
			t.Errorf("%s: %v", l, wrong)
		}
	}
}

// Every problem has its sentence in every language, with all that it names, and there is none that nothing asks for.
func TestEveryProblemHasItsWords(t *testing.T) {
	texts, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != len(Problems()) {
		t.Errorf("%d texts for %d problems", len(texts), len(Problems()))
	}
	for _, p := range Problems() {
		for _, kind := range append(Kinds(), rollout.GateReady, rollout.GateRestarts) {
			for _, l := range lang.All() {
				said := (&SpecError{Problem: p, Kind: kind, Got: "x"}).In(l)
				if said == string(p) || said == "" || strings.ContainsAny(said, "\n{}") || strings.Contains(said, "no value>") || strings.Contains(said, "render text") {
					t.Errorf("%s of %s in %s: %q", p, kind, l, said)
				}
			}
		}
	}
}
