package gate

import (
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// askTime passes when the step has been judged for so long, by the API server's
// clock. It says when that will be rather than how long is left, so that the
// answer changes only when it changes.
func askTime(g rollout.GateSpec, about rollout.Question) rollout.Answer {
	d, err := time.ParseDuration(g.Value)
	if err != nil {
		return inconclusive("%q is not a length of time", g.Value)
	}
	end := about.Since.Add(d)
	if about.Now.Before(end) {
		return rollout.Answer{Result: rollout.Pending, Message: "until " + end.UTC().Format(time.TimeOnly) + " UTC"}
	}
	return rollout.Answer{Result: rollout.Pass, Message: "at least " + rollout.Duration(d).String()}
}
