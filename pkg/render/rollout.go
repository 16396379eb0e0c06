package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// WriteRollout writes what is known of one rollout: as data, or as text for people.
func WriteRollout(w io.Writer, r RolloutReport, o Options) error {
	switch o.Format {
	case JSON, YAML, Name, JSONPath:
		return Write(w, r, o)
	case Table, Wide:
	}
	ready, ok := prepared(r).(RolloutReport)
	if !ok {
		return fmt.Errorf("render: %T is not a report on a rollout", r)
	}
	p, err := rolloutPage(o)
	if err != nil {
		return err
	}
	if err := p.rollout(ready.Rollout, ready.Rollout.At); err != nil {
		return err
	}
	p.failures(ready)
	p.notChecked(ready.NotChecked)
	_, err = io.WriteString(w, p.out.String())
	return err
}

// RolloutLive is the block that is drawn again and again while a driver drives:
// now is the API server's clock, keys what can be typed.
func RolloutLive(v Rollout, now time.Time, keys string, o Options) (string, error) {
	ready, ok := prepared(v).(Rollout)
	if !ok {
		return "", fmt.Errorf("render: %T is not a rollout", v)
	}
	p, err := rolloutPage(o)
	if err != nil {
		return "", err
	}
	if err := p.rollout(ready, now); err != nil {
		return "", err
	}
	if keys != "" {
		p.gap()
		p.line("  " + p.style.paint(faint, keys))
	}
	return p.out.String(), nil
}

func rolloutPage(o Options) (*page, error) {
	texts, err := loadMessages()
	if err != nil {
		return nil, err
	}
	return newPage(texts, o), nil
}

func (p *page) rollout(v Rollout, now time.Time) error {
	p.headline(phaseMark(v), p.say("rollout-head", map[string]any{
		"workload": v.Workload.String(), "namespace": v.Workload.Namespace, "strategy": p.strategy(v.Strategy), "where": p.where(v),
	}), "("+p.say("rollout-phase-tail", map[string]any{"phase": p.phase(v), "since": age(v.Since, now), "over": v.Phase.Over()})+")")
	p.gap()
	if err := p.table("  ", p.headers("header-version", "header-hash", "header-images", "header-ready", "header-asked", "header-seen"), p.versionRows(v)); err != nil {
		return err
	}
	p.gap()
	p.labels("rollout-change", "rollout-steps", "rollout-gates", "rollout-why", "rollout-now", "rollout-next", "rollout-driver")
	p.labelled("rollout-change", p.editLines(v))
	if len(v.Steps) > 1 {
		p.labelled("rollout-steps", p.stepLines(v))
	}
	p.labelled("rollout-gates", p.gateLines(v))
	p.labelled("rollout-why", p.reasonLines(v))
	p.labelled("rollout-now", p.nowLines(v, now))
	p.labelled("rollout-next", p.nextLines(v))
	p.labelled("rollout-driver", p.driverLines(v, now))
	return nil
}

// where is the step that it is at, where that says anything.
func (p *page) where(v Rollout) string {
	if v.Phase.Over() || v.Phase == rollout.Aborting || v.Phase == rollout.Releasing || v.Phase == rollout.Keeping || len(v.Steps) < 2 {
		return ""
	}
	args := map[string]any{"step": v.Step, "steps": len(v.Steps), "asked": v.Asked.String(), "reachable": ""}
	if r := v.Reachable.String(); r != v.Asked.String() && v.Reachable > 0 {
		args["reachable"] = r
	}
	return p.say("rollout-where", args)
}

func (p *page) strategy(s rollout.Strategy) string { return p.say("rollout-strategy-"+string(s), nil) }

func (p *page) phase(v Rollout) string {
	switch {
	case v.Abandoned && !v.Phase.Over():
		left := p.say("rollout-abandoned", nil)
		if v.Drift != nil {
			left = p.say("rollout-drifted", nil)
		}
		return p.say("rollout-phase-"+string(v.Phase), nil) + ", " + left
	case v.Phase == rollout.Paused && v.Waiting != "":
		return p.say("rollout-waiting-"+string(v.Waiting), nil)
	}
	return p.say("rollout-phase-"+string(v.Phase), nil)
}

func phaseMark(v Rollout) mark {
	switch {
	case v.Phase == rollout.Promoted:
		return markOK
	case v.Phase == rollout.Aborted:
		if v.Reason == nil || v.Reason.Cause == rollout.CauseAsked {
			return markInfo
		}
		return markError
	case v.Abandoned, v.Phase == rollout.Paused && v.Waiting != rollout.WaitingTime, v.Phase == rollout.Keeping && v.Until == nil:
		return markWarning
	}
	return markProgress
}

func (p *page) versionRows(v Rollout) []row {
	rows := make([]row, len(v.Versions))
	for i, version := range v.Versions {
		ready := ""
		if version.Ready != nil && version.Wanted != nil {
			ready = strconv.Itoa(*version.Ready) + "/" + strconv.Itoa(*version.Wanted)
			if version.Restarts > 0 {
				ready += " " + p.say("rollout-restarts", map[string]any{"n": version.Restarts})
			}
		}
		rows[i] = row{cells: []string{
			p.say("rollout-role-"+string(version.Role), nil), version.Hash, strings.Join(version.Images, ", "), ready, percent(version.Asked), percent(version.Observed),
		}}
	}
	return rows
}

// editLines say what differs where the images do not tell the versions apart.
func (p *page) editLines(v Rollout) []string {
	if len(v.Versions) < 2 || len(v.Change) == 0 || !slices.Equal(v.Versions[0].Images, v.Versions[1].Images) {
		return nil
	}
	return p.wrapped(strings.Join(v.Change, ", "))
}

func percent(w *rollout.Weight) string {
	if w == nil {
		return ""
	}
	return w.String() + " %"
}

// stepLines show all steps side by side: those done, the present one, those to come.
func (p *page) stepLines(v Rollout) []string {
	var lines []string
	line, taken := "", 0
	for i, s := range v.Steps {
		text, wide := s.Weight.String()+" %", columns(s.Weight.String())+2
		if m := stepMark(v, i); m != noMark {
			symbol, t := p.style.symbol(m)
			text, wide = p.style.paint(t, symbol)+" "+text, wide+2
		}
		if line != "" && taken+2+wide > p.prose()-p.margin() {
			lines, line, taken = append(lines, line), "", 0
		}
		if line != "" {
			line, taken = line+"  ", taken+2
		}
		line, taken = line+text, taken+wide
	}
	return append(lines, line)
}

func stepMark(v Rollout, i int) mark {
	switch at := v.Step - 1; {
	case v.Phase == rollout.Aborting, v.Phase == rollout.Aborted:
		return noMark
	case i < at, v.Phase == rollout.Promoted, v.Phase == rollout.Keeping, v.Phase == rollout.Releasing:
		return markOK
	case i == at:
		return markProgress
	}
	return noMark
}

func (p *page) gateLines(v Rollout) []string {
	if v.Phase != rollout.Judging && v.Phase != rollout.Paused {
		return nil
	}
	var lines []string
	for _, g := range v.Gates {
		symbol, t := p.style.symbol(resultMark(g.Result))
		text := g.Gate + " " + p.style.dash() + " " + p.say("rollout-result-"+resultID(g.Result), nil)
		if g.Message != "" {
			text += ": " + p.inWords(g.Message)
		}
		for i, l := range wrap(text, p.prose()-p.margin()-2) {
			lead := "  "
			if i == 0 {
				lead = p.style.paint(t, symbol) + " "
			}
			lines = append(lines, lead+l)
		}
	}
	return lines
}

func resultMark(r rollout.Result) mark {
	switch r {
	case rollout.Pass:
		return markOK
	case rollout.Fail:
		return markError
	case rollout.Inconclusive, rollout.NoData:
		return markUnknown
	case rollout.Pending:
	}
	return markProgress
}

func resultID(r rollout.Result) string {
	switch r {
	case rollout.Pass, rollout.Fail, rollout.Inconclusive, rollout.NoData, rollout.Pending:
		return string(r)
	}
	return "open"
}

// age is how long ago something was, in whole seconds; empty where that is not known.
func age(since, now time.Time) string {
	if since.IsZero() || now.Before(since) {
		return ""
	}
	return rollout.Duration(now.Sub(since).Truncate(time.Second)).String()
}
