package render

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// planned writes the plan of a rollout. One that is refused begins with why; of
// one that can begin, that is the first line, and what is to be thought of comes last.
func (p *page) planned(r plan.Report) error {
	refused := r.Refused()
	if refused || nothingToDo(r.Findings) {
		if err := p.findings(r.Report); err != nil {
			return err
		}
	}
	if nothingToDo(r.Findings) && !refused {
		p.notChecked(r.NotChecked)
		return nil
	}
	p.gap()
	p.planHead(r)
	if err := p.planBody(r.Plan); err != nil {
		return err
	}
	p.planWrites(r.Plan.Writes, refused)
	if !refused && len(r.Findings) > 0 {
		if err := p.findings(r.Report); err != nil {
			return err
		}
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

func nothingToDo(all []finding.Finding) bool {
	for _, f := range all {
		if f.Rule == "rollout/nothing-to-do" {
			return true
		}
	}
	return false
}

func (p *page) planHead(r plan.Report) {
	v := r.Plan
	args := map[string]any{"strategy": p.strategy(v.Strategy), "workload": v.Workload.String(), "namespace": v.Workload.Namespace, "n": 0}
	if r.Refused() {
		args["n"] = finding.AtLeast(r.Findings, finding.Error)
		p.headline(markError, p.say("plan-refused", args), "")
		return
	}
	tail := p.uncheckedTail(r.Report)
	if v.Time.Total != nil && tail == "" {
		tail = "(" + p.say("plan-takes", map[string]any{"time": length(*v.Time.Total), "most": most(v.Time)}) + ")"
	}
	if n := finding.AtLeast(r.Findings, finding.Warning); n > 0 {
		args["n"] = n
		p.headline(markWarning, p.say("plan-doubtful", args), tail)
		return
	}
	p.headline(markOK, p.say("plan-ready", args), tail)
}

// most is how long it takes where old Pods use all of their grace period; empty where that is no longer.
func most(t plan.Time) string {
	if t.EndingMost <= t.Ending {
		return ""
	}
	return length(*t.Total + t.EndingMost - t.Ending)
}

// length writes seconds as "2m30s".
func length(seconds int) string {
	return rollout.Duration(time.Duration(seconds) * time.Second).String()
}

func (p *page) planBody(v plan.Plan) error {
	p.gap()
	if err := p.table("  ", p.headers("header-step", "header-asked-weight", "header-reachable", "header-old-pods", "header-new-pods", "header-then"), p.stepRows(v.Steps)); err != nil {
		return err
	}
	p.gap()
	ids := []string{"plan-change", "plan-traffic", "plan-gates", "plan-time", "plan-extra", "plan-quota", "plan-room", "plan-left-out"}
	if p.wide {
		ids = append(ids, "plan-access")
	}
	p.labels(ids...)
	p.labelled("plan-change", p.changeLines(v))
	p.labelled("plan-traffic", p.wrapped(p.trafficText(v)))
	if gates := sameGates(v.Steps); gates != "" {
		p.labelled("plan-gates", p.wrapped(p.say("plan-every-step", map[string]any{"gates": gates})))
	}
	p.labelled("plan-time", p.timeLines(v.Time))
	p.capacityLines(v.Capacity)
	p.labelled("plan-left-out", p.noteLines(v.Notes))
	if p.wide {
		p.labelled("plan-access", p.accessLines(v.Access))
	}
	return nil
}

func (p *page) stepRows(steps []plan.Step) []row {
	rows := make([]row, len(steps))
	same := sameGates(steps) != ""
	for i, s := range steps {
		m := noMark
		if s.ReplicasToReach > 0 {
			m = markWarning
		}
		rows[i] = row{m, []string{
			strconv.Itoa(s.N), s.Asked.String() + " %", s.Reachable.String() + " %", strconv.Itoa(s.Old), strconv.Itoa(s.New), p.then(s, same),
		}}
	}
	return rows
}

// sameGates are the gates where every step has the same ones, so that they are said once.
func sameGates(steps []plan.Step) string {
	for _, s := range steps {
		if !slices.Equal(s.Gates, steps[0].Gates) {
			return ""
		}
	}
	if len(steps) == 0 {
		return ""
	}
	return strings.Join(steps[0].Gates, ", ")
}

// then is what follows when the step is reached: its own gates, then the pause.
func (p *page) then(s plan.Step, gatesSaid bool) string {
	var parts []string
	if len(s.Gates) > 0 && !gatesSaid {
		parts = append(parts, p.say("plan-own-gates", map[string]any{"gates": strings.Join(s.Gates, ", ")}))
	}
	switch s.Pause {
	case "":
	case "manual":
		parts = append(parts, p.say("plan-pause-manual", nil))
	default:
		parts = append(parts, p.say("plan-pause", map[string]any{"time": s.Pause}))
	}
	return strings.Join(parts, "; ")
}

// changeLines pair the images that differ.
func (p *page) changeLines(v plan.Plan) []string {
	var lines []string
	for i, old := range v.OldImages {
		if len(v.OldImages) == len(v.NewImages) && old != v.NewImages[i] {
			lines = append(lines, p.wrapped(p.say("plan-images", map[string]any{"old": old, "new": v.NewImages[i], "arrow": p.style.arrow()}))...)
		}
	}
	switch {
	case len(v.OldImages) != len(v.NewImages):
		return p.wrapped(p.say("plan-images", map[string]any{"old": strings.Join(v.OldImages, ", "), "new": strings.Join(v.NewImages, ", "), "arrow": p.style.arrow()}))
	case len(lines) == 0:
		return p.wrapped(p.say("plan-same-images", map[string]any{"images": strings.Join(v.OldImages, ", ")}))
	}
	return lines
}

func (p *page) trafficText(v plan.Plan) string {
	args := map[string]any{"n": len(v.Services), "services": strings.Join(v.Services, ", "), "preview": v.Preview}
	switch {
	case v.Via == rollout.ViaService:
		return p.say("plan-via-service", args)
	case len(v.Services) == 0:
		return p.say("plan-via-none", nil)
	}
	return p.say("plan-via-ratio", args)
}

func (p *page) timeLines(t plan.Time) []string {
	some := func(seconds int) string {
		if seconds == 0 {
			return ""
		}
		return length(seconds)
	}
	var lines []string
	if t.Total != nil && t.Starting != nil && t.StartUp != nil {
		lines = p.wrapped(p.say("plan-total", map[string]any{
			"total": length(*t.Total), "most": most(t), "ending": length(t.Ending), "endingMost": length(t.EndingMost), "starting": length(*t.Starting), "one": length(*t.StartUp), "seen": t.Seen,
			"pausing": some(t.Pausing), "gates": some(t.Gates), "keeping": some(t.Keeping),
		}))
	} else {
		lines = p.wrapped(p.say("plan-unknown-time", map[string]any{"waiting": some(t.Pausing + t.Gates + t.Keeping)}))
	}
	if t.People+t.Open > 0 {
		lines = append(lines, p.wrapped(p.say("plan-open-time", map[string]any{"people": t.People, "open": t.Open}))...)
	}
	return lines
}

func (p *page) capacityLines(c plan.Capacity) {
	if c.ExtraPods == 0 {
		p.labelled("plan-extra", p.wrapped(p.say("plan-extra-none", nil)))
		return
	}
	p.labelled("plan-extra", p.wrapped(p.say("plan-extra-pods", map[string]any{"n": c.ExtraPods})))
	p.labelled("plan-quota", p.quotaLines(c.Quota))
	args := map[string]any{"n": c.ExtraPods, "placed": c.Room.Placed, "why": c.Room.Why}
	p.labelled("plan-room", p.wrapped(p.say("plan-room-"+string(c.Room.State), args)))
}

// quotaShown is how many limits Table lists: those that are short first.
const quotaShown = 4

func (p *page) quotaLines(all []plan.QuotaLine) []string {
	var short, enough []plan.QuotaLine
	for _, l := range all {
		if l.Short {
			short = append(short, l)
		} else {
			enough = append(enough, l)
		}
	}
	shown := append(append([]plan.QuotaLine{}, short...), enough...)
	if keep := max(quotaShown, len(short)); !p.wide && len(shown) > keep {
		shown = shown[:keep]
	}
	var lines []string
	for _, l := range shown {
		text := p.say("plan-quota-line", map[string]any{"quota": l.Quota, "resource": l.Resource, "used": l.Used, "hard": l.Hard, "extra": l.Extra})
		m := markOK
		if l.Short {
			m = markError
		}
		lines = append(lines, p.marked(m, text)...)
	}
	if n := len(all) - len(shown); n > 0 {
		lines = append(lines, p.style.paint(faint, p.say("plan-quota-more", map[string]any{"n": n})))
	}
	return lines
}

// marked is one of several entries beside a label, behind its mark.
func (p *page) marked(m mark, text string) []string {
	symbol, t := p.style.symbol(m)
	lines := wrap(text, p.prose()-p.margin()-2)
	for i := range lines {
		lead := "  "
		if i == 0 {
			lead = p.style.paint(t, symbol) + " "
		}
		lines[i] = lead + lines[i]
	}
	return lines
}

func (p *page) noteLines(all []plan.Note) []string {
	var lines []string
	for _, n := range all {
		args := map[string]any{"path": n.Path, "live": inline(n.Live), "asked": inline(n.Asked), "arrow": p.style.arrow()}
		lines = append(lines, p.hung(p.say("plan-note", args))...)
	}
	return lines
}

func (p *page) accessLines(all []plan.Access) []string {
	var lines []string
	for _, a := range all {
		what := a.Verb + " " + a.Resource
		if a.Name != "" {
			what += "/" + a.Name
		}
		args := map[string]any{"what": what}
		switch {
		case a.Allowed == nil:
			lines = append(lines, p.marked(markUnknown, p.say("plan-may-unknown", args))...)
		case *a.Allowed:
			lines = append(lines, p.marked(markOK, p.say("plan-may", args))...)
		default:
			lines = append(lines, p.marked(markError, p.say("plan-may-not", args))...)
		}
	}
	return lines
}
