package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
)

// agreeToCommands says which commands the gates of a rollout that was taken over
// may run here. They were read from the cluster: whoever may write there would
// run them with the rights of the person who types "resume". Without agreement
// they are not run, and such a gate cannot decide.
func (a *app) agreeToCommands(spec rollout.Spec, o askOptions) (func(string) bool, error) {
	var lines []string
	gates := spec.Gates
	for _, step := range spec.Steps {
		gates = append(gates[:len(gates):len(gates)], step.Gates...)
	}
	for _, g := range gates {
		if g.Kind == rollout.GateCommand && !slices.Contains(lines, g.Value) {
			lines = append(lines, g.Value)
		}
	}
	none := func(string) bool { return false }
	switch {
	case len(lines) == 0 || o.do == rollout.AskAbort || o.do == rollout.AskFull:
		return none, nil
	case o.commands:
		return gate.Commands(spec), nil
	case !a.Streams.InTTY || !a.Streams.ErrTTY:
		return none, usage("rollout.error.commands", "commands", lines)
	}
	answer := strings.ToLower(a.Streams.Ask(a.t("rollout.ask-commands", "commands", shownWhole(lines))))
	if answer == "y" || answer == "yes" {
		return gate.Commands(spec), nil
	}
	return none, nil
}

// shownWhole quotes each line, so that all of it is seen: whoever wrote it may have tried to
// hide a part of it from the person who is to agree, behind what drives a terminal.
func shownWhole(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strconv.Quote(line)
	}
	return out
}
