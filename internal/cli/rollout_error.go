package cli

import (
	"errors"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// rolloutError gives the code and the line of an error of a rollout, if it is one.
func (a *app) rolloutError(err error) (code int, message string, ok bool) {
	var (
		wrong      *plan.Error
		edit       *rollout.EditError
		badGate    *gate.SpecError
		lost       *rollout.LostError
		drift      *rollout.DriftError
		conflict   *rollout.ConflictError
		refused    *rollout.RefusedError
		incomplete *rollout.IncompleteError
		unwritable *rollout.UnwritableError
	)
	switch {
	case errors.As(err, &wrong):
		return planCode(wrong.Problem), plan.Say(err, a.lang), true
	case errors.As(err, &edit):
		return exitUsage, plan.Say(err, a.lang), true
	case errors.As(err, &badGate):
		return exitUsage, a.t("rollout.error.gate", "why", badGate.In(a.lang)), true
	case errors.As(err, &lost):
		return exitConflict, a.t("rollout.error.lost", "holder", lost.Holder, "since", stamp(lost.Since)), true
	case errors.As(err, &drift):
		return exitConflict, a.t("rollout.error.drift", "object", drift.Object.String(), "path", string(drift.Path),
			"manager", drift.Manager, "at", stamp(drift.At), "gone", drift.Gone), true
	case errors.As(err, &conflict):
		return exitConflict, a.t("rollout.error.conflict", "object", conflict.Object.String(), "why", conflict.Message), true
	case errors.As(err, &refused):
		return exitFindings, a.t("rollout.error.refused", "object", refused.Object.String(), "why", refused.Message), true
	case errors.As(err, &incomplete):
		return exitIncomplete, a.t("rollout.error.incomplete", "why", incomplete.Message), true
	}
	if errors.As(err, &unwritable) {
		return exitFailed, a.t("rollout.error.unwritable", "why", unwritable.Error()), true
	}
	return 0, "", false
}

// planCode: what was typed is wrong usage, what is missing or cannot be read in the cluster is not.
func planCode(p plan.Problem) int {
	switch p {
	case plan.ProblemNotFound, plan.ProblemUnread:
		return exitFailed
	default:
		return exitUsage
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
