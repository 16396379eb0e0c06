package gate

import (
	"embed"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

//go:embed messages.yaml
var messageFile embed.FS

// loadMessages reads what this package says, once. Its error is a defect of the build.
var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(messageFile, "messages.yaml") })

// Problem is what is wrong with a gate that was asked for.
type Problem string

// What may be wrong with a gate that was asked for.
const (
	ProblemKind     Problem = "kind"     // no such gate
	ProblemAlways   Problem = "always"   // it is asked without being named
	ProblemValue    Problem = "value"    // it lacks what it needs
	ProblemNoValue  Problem = "no-value" // it takes nothing
	ProblemDuration Problem = "duration" // not a length of time above 0
	ProblemCommand  Problem = "command"  // not a line that a shell can be given
	ProblemAddress  Problem = "address"  // not an address that can be posted to
	ProblemPassword Problem = "password" // an address with a name or a password in it
)

// Problems are all that may be wrong.
func Problems() []Problem {
	return []Problem{ProblemKind, ProblemAlways, ProblemValue, ProblemNoValue, ProblemDuration, ProblemCommand, ProblemAddress, ProblemPassword}
}

// SpecError says what is wrong with a gate that was asked for, and what to do.
type SpecError struct {
	Problem Problem
	Kind    rollout.GateKind
	// Got is what was typed, or the value; it may be a secret where the problem is a password.
	Got string
	// Near is what was probably meant, as it would be typed; empty where nothing is near.
	Near string
}

// Error is the English text.
func (e *SpecError) Error() string { return e.In(lang.English) }

// In is the text in the language.
func (e *SpecError) In(l lang.Lang) string {
	texts, err := loadMessages()
	if err != nil {
		return string(e.Problem)
	}
	var known []string
	for _, k := range Kinds() {
		known = append(known, forms()[k])
	}
	return strings.TrimSpace(texts.Text(l, string(e.Problem), map[string]any{
		"kind": string(e.Kind), "got": oneLine(e.Got), "near": oneLine(e.Near), "known": known, "form": forms()[e.Kind],
	}))
}
