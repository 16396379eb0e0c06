package render

import (
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// RolloutLine is an event as one line with its time, for a pipe; empty where it
// says nothing that a reader of lines would miss.
func RolloutLine(e rollout.Event, s *rollout.State, o Options) (string, error) {
	p, err := rolloutPage(o)
	if err != nil {
		return "", err
	}
	text := p.told(e, s)
	if text == "" {
		return "", nil
	}
	line := e.Time.UTC().Format(time.RFC3339) + "  " + inline(safe(text))
	if p.style.ascii {
		line = strings.ReplaceAll(line, "\ufffd", "?")
	}
	return line, nil
}

func (p *page) told(e rollout.Event, s *rollout.State) string {
	args := map[string]any{
		"workload": s.Spec.Workload.String(), "strategy": p.strategy(s.Spec.Strategy), "step": e.Step, "steps": len(s.Spec.Steps),
		"asked": e.Asked.String(), "reachable": e.Reachable.String(), "observed": e.Observed.String(),
		"old": e.Ready.Old, "new": e.Ready.New, "gate": inline(e.Gate), "message": inline(p.inWords(e.Message)),
	}
	switch e.Event {
	case rollout.EventPhase:
		return p.phaseLine(e, s)
	case rollout.EventWrite:
		return p.writeLine(e, args)
	case rollout.EventFailed:
		if s.Reason != nil {
			args["message"] = p.reason(*s.Reason)
		}
	case rollout.EventOver:
		args["promoted"], args["gone"] = e.Phase == rollout.Promoted, isGone(s.Reason)
	case rollout.EventStep, rollout.EventLevel, rollout.EventGate, rollout.EventAsked, rollout.EventRetry, rollout.EventHeld:
	}
	return p.say("rollout-line-"+string(e.Event), args)
}

func (p *page) phaseLine(e rollout.Event, s *rollout.State) string {
	text := p.say("rollout-phase-"+string(e.Phase), nil)
	switch {
	case e.Phase == rollout.Paused && s.Waiting != "":
		text = p.say("rollout-waiting-"+string(s.Waiting), nil)
	case e.Phase == rollout.Judging && (len(gates(s)) == 0 || s.Full || s.Waived): // nothing is asked
		text = p.say("rollout-phase-reached", nil)
	}
	if end := until(s); end != nil && s.Phase == e.Phase {
		text += " " + p.say("rollout-line-until", map[string]any{"at": clock(*end)})
	}
	return text
}

// writeLine says what a write does: its event holds the purpose and the object.
func (p *page) writeLine(e rollout.Event, args map[string]any) string {
	why, object, ok := strings.Cut(e.Message, " ")
	if ok {
		args["message"], args["workload"] = p.say("rollout-write-"+why, nil), inline(object)
	}
	return p.say("rollout-line-write", args)
}
