// Package gate asks what stands between one step of a rollout and the next, one
// file for each kind of gate.
//
// A gate has five answers, and they are not degrees of each other. Pass and fail
// are verdicts on the new version, and only what the gate was made to say counts
// as one: a check that is missing, crashes or hangs says nothing about the
// version, so it never passes and never rolls back. That is inconclusive, and a
// person must look; asking again would not help. No data is where asking again
// may help. Pending has not decided yet and will.
package gate

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// How long one question may take where its gate does not say.
const (
	// CommandTimeout is for a smoke test that makes some requests.
	CommandTimeout = 5 * time.Minute
	// WebhookTimeout is for a service that knows the answer.
	WebhookTimeout = 10 * time.Second
)

// Options are what gates need of their surroundings.
type Options struct {
	// MayAsk says which commands may be run and which addresses called from here. Nil allows none.
	//
	// Whoever takes over a rollout reads its gates from a ConfigMap, and whoever may write that would otherwise run
	// commands on the machine, and with the rights, of the person who types "rollout resume", and have that machine call
	// what only it can reach. So such a gate is asked only where the person at this machine gave it or agreed to it.
	// Only(Reaching(spec)) is right for a plan that comes from them.
	MayAsk func(rollout.GateSpec) bool
	// Env are variables for commands beside those of this process, NAME=VALUE each.
	Env []string
	// Transport makes the requests of web hooks; nil is the usual one, with the proxies of the environment.
	Transport http.RoundTripper
}

// Reaching lists the gates of a plan that do something outside of the cluster,
// each once: that run a command here, or call an address from here.
func Reaching(spec rollout.Spec) []rollout.GateSpec {
	var found []rollout.GateSpec
	for _, g := range spec.AllGates() {
		if reaches(g.Kind) && !slices.Contains(found, g) {
			found = append(found, g)
		}
	}
	return found
}

func reaches(k rollout.GateKind) bool { return k == rollout.GateCommand || k == rollout.GateWebhook }

// Only lets these gates be asked, as they are written.
func Only(gates []rollout.GateSpec) func(rollout.GateSpec) bool {
	return func(g rollout.GateSpec) bool { return slices.Contains(gates, g) }
}

// New gives the judge of all gates that are asked from outside the machine.
// Ready and restarts are not: the machine watches over those by itself.
func New(o Options) rollout.Judge { return judge{o} }

type judge struct{ Options }

// Judge asks the gate once. It returns when the gate has answered, when its time
// is over or when the context ends, whichever is first.
func (j judge) Judge(ctx context.Context, g rollout.GateSpec, about rollout.Question) rollout.Answer {
	answer := j.ask(ctx, g, about)
	answer.Message = oneLine(answer.Message)
	answer.At = about.Now
	return answer
}

func (j judge) ask(ctx context.Context, g rollout.GateSpec, about rollout.Question) rollout.Answer {
	if err := Check(g); err != nil {
		return inconclusive("%v", err)
	}
	if reaches(g.Kind) && (j.MayAsk == nil || !j.MayAsk(g)) {
		return inconclusive("the %s comes from the rollout's ConfigMap, and nobody here agreed to it", g.Kind)
	}
	switch g.Kind {
	case rollout.GateTime:
		return askTime(g, about)
	case rollout.GateCommand:
		return j.askCommand(ctx, g, about)
	case rollout.GateWebhook:
		return j.askWebhook(ctx, g, about)
	case rollout.GatePerson:
		return askPerson(about)
	case rollout.GateReady, rollout.GateRestarts:
	}
	return inconclusive("the gate %q cannot be asked", g.Kind)
}

func inconclusive(format string, args ...any) rollout.Answer {
	return rollout.Answer{Result: rollout.Inconclusive, Message: fmt.Sprintf(format, args...)}
}

func noData(format string, args ...any) rollout.Answer {
	return rollout.Answer{Result: rollout.NoData, Message: fmt.Sprintf(format, args...)}
}

// within is the gate's own bound, or the usual one of its kind.
func within(g rollout.GateSpec, usual time.Duration) rollout.Duration {
	if g.Timeout > 0 {
		return g.Timeout
	}
	return rollout.Duration(usual)
}
