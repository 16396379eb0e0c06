package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Ending is how a driver stopped driving.
type Ending string

// The endings. Only the first two are ends of the rollout too.
const (
	EndPromoted    Ending = "promoted"
	EndAborted     Ending = "aborted"
	EndPaused      Ending = "paused"      // it waits, and was not asked to wait with it
	EndInterrupted Ending = "interrupted" // held where it is, and nobody drives
	EndIncomplete  Ending = "incomplete"  // the way back did not come to its end
)

// WriteRolloutEnd says how it ended, why, and what a person can do now. Detail
// is what an incomplete rollback waits for.
func WriteRolloutEnd(w io.Writer, r RolloutReport, end Ending, detail string, o Options) error {
	ready, ok := prepared(r).(RolloutReport)
	if !ok {
		return fmt.Errorf("render: %T is not a report on a rollout", r)
	}
	p, err := rolloutPage(o)
	if err != nil {
		return err
	}
	v := ready.Rollout
	p.endHeadline(v, end, detail)
	p.failures(ready)
	var next []string
	switch end {
	case EndPromoted:
		next = []string{p.say("rollout-to-undo", nil), "  " + Command("kubectl msa rollout undo "+v.Workload.String()+namespaceFlag(v.Workload), p.connection)}
	case EndAborted:
	case EndPaused:
		v.Abandoned = false
		next = p.nextLines(v)
	case EndInterrupted:
		v.Abandoned = true
		next = p.nextLines(v)
	case EndIncomplete:
		next = p.offered(v, verbAbort)
	}
	if len(next) > 0 && len(ready.Findings) > 0 {
		p.gap()
	}
	for _, l := range next {
		p.line("  " + l)
	}
	_, err = io.WriteString(w, p.out.String())
	return err
}

// failures are the findings on a rollout.
func (p *page) failures(r RolloutReport) {
	p.labelsFor(r.Findings)
	for _, f := range r.Findings {
		if r.Rollout.Phase == rollout.Aborted {
			f.Fix = stillPossible(f)
		}
		p.gap()
		p.finding(f)
	}
}

// stillPossible are the next steps of a finding about a version that is gone:
// its Pods, and their logs, are not there to be asked any more.
func stillPossible(f finding.Finding) []finding.Fix {
	var pods []string
	for _, on := range append([]string{f.Object.String()}, f.Chain...) {
		if name, ok := strings.CutPrefix(on, "pod/"); ok {
			pods = append(pods, name)
		}
	}
	return slices.DeleteFunc(slices.Clone(f.Fix), func(x finding.Fix) bool {
		return slices.ContainsFunc(pods, func(name string) bool { return strings.Contains(x.Command, name) })
	})
}

func namespaceFlag(r rollout.Ref) string {
	if r.Namespace == "" {
		return ""
	}
	return " -n " + r.Namespace
}

// isGone says that the workload was deleted: then nothing was rolled back.
func isGone(r *rollout.Reason) bool { return r != nil && r.Cause == rollout.CauseGone }

func (p *page) endHeadline(v Rollout, end Ending, detail string) {
	args := map[string]any{
		"workload": v.Workload.String(), "images": "", "reason": "", "where": p.where(v), "by": "", "detail": inline(p.inWords(safe(detail))),
		"waiting": "", "gone": isGone(v.Reason),
	}
	if v.Waiting != "" {
		args["waiting"] = p.say("rollout-waiting-"+string(v.Waiting), nil)
	}
	for _, version := range v.Versions {
		if version.Role == RoleOld && end == EndAborted || version.Role == RoleNew && end == EndPromoted {
			args["images"] = strings.Join(version.Images, ", ")
		}
	}
	m := markWarning
	switch end {
	case EndPromoted:
		m = markOK
	case EndAborted, EndIncomplete:
		m = markError
	case EndPaused, EndInterrupted:
	}
	if v.Reason != nil {
		args["reason"], args["by"] = p.reason(*v.Reason), inline(v.Reason.By)
		if v.Reason.Cause == rollout.CauseAsked && end == EndAborted {
			m, args["reason"] = markInfo, ""
		}
	}
	tail := ""
	if took := age(v.Started, v.At); took != "" && v.Phase.Over() {
		tail = p.say("rollout-took", map[string]any{"for": took})
	}
	p.headline(m, p.say("rollout-end-"+string(end), args), tail)
}
