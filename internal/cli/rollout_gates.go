package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
)

// agreeToGates says which gates of a rollout that was taken over may be asked from
// here, of those that reach beyond the cluster. They were read from the cluster:
// whoever may write there would run commands with the rights of the person who
// types "resume", and call what only this machine can reach. Without agreement
// they are not asked, and such a gate cannot decide.
func (a *app) agreeToGates(spec rollout.Spec, o askOptions) (func(rollout.GateSpec) bool, error) {
	gates := gate.Reaching(spec)
	switch {
	case len(gates) == 0 || o.do == rollout.AskAbort || o.do == rollout.AskFull:
		return gate.Only(nil), nil
	case o.gates:
		return gate.Only(gates), nil
	case !a.Streams.InTTY || !a.Streams.ErrTTY:
		return nil, usage("rollout.error.gates", "gates", shownWhole(gates))
	}
	answer := strings.ToLower(a.Streams.Ask(a.t("rollout.ask-gates", "gates", shownWhole(gates))))
	if answer == "y" || answer == "yes" {
		return gate.Only(gates), nil
	}
	return gate.Only(nil), nil
}

// shownWhole quotes what each gate runs or calls, so that all of it is seen: whoever wrote it may have tried to
// hide a part of it from the person who is to agree, behind what drives a terminal.
func shownWhole(gates []rollout.GateSpec) []string {
	out := make([]string, len(gates))
	for i, g := range gates {
		out[i] = fmt.Sprintf("%s=%s", g.Kind, strconv.Quote(g.Value))
	}
	return out
}
