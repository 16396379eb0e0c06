package render

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// verb is a command on a rollout that is under way.
type verb string

const (
	verbPromote verb = "promote"
	verbResume  verb = "resume"
	verbAbort   verb = "abort"
)

// command is one to be copied.
func (p *page) command(v Rollout, do verb) string {
	c := "kubectl msa rollout " + string(do) + " " + v.Workload.String()
	if v.Workload.Namespace != "" {
		c += " -n " + v.Workload.Namespace
	}
	if v.Drift != nil && !v.Drift.Gone {
		c += " --force-conflicts"
	}
	return Command(c, p.connection)
}

// offered are commands that a person may choose from, each with what it does.
func (p *page) offered(v Rollout, verbs ...verb) []string {
	var lines []string
	trouble := v.Phase == rollout.Paused && (v.Waiting == rollout.WaitingFailed || v.Waiting == rollout.WaitingInconclusive)
	for _, do := range verbs {
		id := "rollout-to-" + string(do)
		switch {
		case do == verbAbort:
		case trouble:
			id += "-anyway"
		case do == verbPromote && slices.Contains(verbs, verbResume):
			id += "-or-resume"
		case do == verbResume && slices.Contains(verbs, verbPromote):
			id += "-or-promote"
		}
		lines = append(lines, p.say(id, nil), "  "+p.command(v, do))
	}
	return lines
}

// reasonLines say why a rollout waits or went back.
func (p *page) reasonLines(v Rollout) []string {
	if v.Reason == nil {
		return nil
	}
	return p.wrapped(p.reason(*v.Reason))
}

func (p *page) reason(r rollout.Reason) string {
	text := p.say("rollout-cause-"+string(r.Cause), map[string]any{"gate": inline(r.Gate), "by": inline(r.By)})
	if m := inline(p.inWords(r.Message)); m != "" {
		text += ": " + m
	}
	return text
}

// nowLines say what the rollout waits for at this moment.
func (p *page) nowLines(v Rollout, now time.Time) []string {
	if v.Abandoned {
		return p.wrapped(p.say("rollout-now-abandoned", map[string]any{"left": p.whyLeft(v)}))
	}
	switch v.Phase {
	case rollout.Paused:
		if v.Until != nil {
			return p.wrapped(p.say("rollout-now-time", map[string]any{"left": left(*v.Until, now), "at": clock(*v.Until)}))
		}
		switch v.Waiting {
		case rollout.WaitingPerson, rollout.WaitingInconclusive, rollout.WaitingFailed, rollout.WaitingAsked:
			return p.wrapped(p.say("rollout-now-"+string(v.Waiting), map[string]any{"gates": len(v.Gates)}))
		case rollout.WaitingTime:
		}
	case rollout.Keeping:
		args := map[string]any{"left": "", "at": ""}
		if v.Until != nil {
			args["left"], args["at"] = left(*v.Until, now), clock(*v.Until)
		}
		return p.wrapped(p.say("rollout-now-keeping", args))
	case rollout.Starting, rollout.Shifting, rollout.Judging, rollout.Releasing, rollout.Aborting:
		text := p.say("rollout-now-"+string(v.Phase), map[string]any{"preview": v.preview})
		if waits := waitsFor(v); waits != "" {
			text += ": " + inline(p.inWords(waits))
		}
		return p.wrapped(text)
	case rollout.Promoted, rollout.Aborted:
	}
	return nil
}

// whyLeft is why nobody drives, as the driver wrote it down when it left; what somebody else has changed is a finding.
func (p *page) whyLeft(v Rollout) string {
	if e := v.LastEvent; e != nil && e.Event == rollout.EventHeld && v.Drift == nil {
		return inline(p.inWords(e.Message))
	}
	return ""
}

// waitsFor is what is waited for in the driver's words, or in those of its last event.
func waitsFor(v Rollout) string {
	if e := v.LastEvent; v.Waits == "" && e != nil && (e.Event == rollout.EventLevel || e.Event == rollout.EventRetry) {
		return e.Message
	}
	return v.Waits
}

// nextLines say what follows by itself, and what a person can do where nothing does.
func (p *page) nextLines(v Rollout) []string {
	if v.Drift != nil {
		return nil // the finding says it
	}
	if v.Abandoned {
		switch {
		case v.Phase == rollout.Aborting: // there is only one way from here
			return p.offered(v, verbAbort)
		case v.Phase == rollout.Paused && v.Waiting != rollout.WaitingTime:
			return p.offered(v, verbResume, verbPromote, verbAbort)
		}
		return p.offered(v, verbResume, verbAbort)
	}
	switch v.Phase {
	case rollout.Paused:
		switch v.Waiting {
		case rollout.WaitingPerson:
			return p.offered(v, verbPromote, verbAbort)
		case rollout.WaitingInconclusive, rollout.WaitingFailed, rollout.WaitingAsked:
			return p.offered(v, verbResume, verbPromote, verbAbort)
		case rollout.WaitingTime:
		}
		return p.wrapped(p.following(v))
	case rollout.Starting, rollout.Shifting, rollout.Judging:
		return p.wrapped(p.following(v))
	case rollout.Keeping:
		if v.Until == nil { // a person asked to pause
			return p.offered(v, verbResume, verbPromote, verbAbort)
		}
		return p.offered(v, verbPromote, verbAbort)
	case rollout.Releasing, rollout.Aborting, rollout.Promoted, rollout.Aborted:
	}
	return nil
}

// following names what is between here and the end, up to the next step.
func (p *page) following(v Rollout) string {
	var parts []string
	if v.Phase != rollout.Paused {
		if v.Phase != rollout.Judging && len(v.Gates) > 0 {
			var names []string
			for _, g := range v.Gates {
				names = append(names, g.Gate)
			}
			parts = append(parts, p.say("rollout-then-gates", map[string]any{"gates": strings.Join(names, ", ")}))
		}
		if i := v.Step - 1; i >= 0 && i < len(v.Steps) && v.Steps[i].Pause != "" {
			if v.Steps[i].Pause == manual {
				parts = append(parts, p.say("rollout-then-person", nil))
			} else {
				parts = append(parts, p.say("rollout-then-pause", map[string]any{"for": v.Steps[i].Pause}))
			}
		}
	}
	if v.Step < len(v.Steps) {
		parts = append(parts, p.say("rollout-then-step", map[string]any{"weight": v.Steps[v.Step].Weight.String()}))
	} else {
		parts = append(parts, p.say("rollout-then-end", nil))
	}
	return strings.Join(parts, " "+p.style.arrow()+" ")
}

func (p *page) driverLines(v Rollout, now time.Time) []string {
	switch d := v.Driver; {
	case v.Phase.Over():
		return nil
	case d == nil || d.Name == "":
		return p.wrapped(p.say("rollout-driver-none", nil))
	case d.Leads:
		return p.wrapped(p.say("rollout-driver-leads", map[string]any{"name": inline(d.Name)}))
	default:
		return p.wrapped(p.say("rollout-driver-gone", map[string]any{"name": inline(d.Name), "ago": age(d.Seen, now)}))
	}
}

// left is the time until then, in whole seconds.
func left(until, now time.Time) string {
	return rollout.Duration(max(0, until.Sub(now)).Round(time.Second)).String()
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }
