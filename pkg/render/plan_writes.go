package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// What Table shows of the writes; Wide shows all of it.
const (
	alikeShown = 2  // of writes in a row that differ in their numbers only
	diffShown  = 12 // lines of one diff
)

// planWrites lists every write with what it changes. A refused plan, which makes
// none of them, shows them in Table without their diffs.
func (p *page) planWrites(all []plan.Write, refused bool) {
	if len(all) == 0 {
		return
	}
	tried := slices.ContainsFunc(all, func(w plan.Write) bool { return w.Checked })
	p.gap()
	p.line(p.style.paint(strong, p.say("plan-writes", map[string]any{"n": len(all), "tried": tried})))
	for i := 0; i < len(all); i++ {
		if n := alike(all[i:]); !p.wide && n > alikeShown+1 {
			for _, w := range all[i : i+alikeShown] {
				p.planWrite(w, !refused)
			}
			rest := map[string]any{"from": all[i+alikeShown].N, "to": all[i+n-1].N}
			p.line("    " + p.style.paint(faint, p.say("plan-writes-alike", rest)))
			i += n - 1
			continue
		}
		p.planWrite(all[i], !refused || p.wide)
	}
}

// alike counts the writes from the first on that do the same to the same object, and went as well.
func alike(all []plan.Write) int {
	n := 1
	for n < len(all) && all[n].Object == all[0].Object && all[n].Purpose == all[0].Purpose &&
		slices.Equal(all[n].Fields, all[0].Fields) && all[n].Refused == "" && all[0].Refused == "" && all[n].Checked == all[0].Checked {
		n++
	}
	return n
}

func (p *page) planWrite(w plan.Write, withDiff bool) {
	m := noMark
	switch {
	case w.Refused != "":
		m = markError
	case w.Checked:
		m = markOK
	case w.Purpose != rollout.PurposeUnmark && w.Purpose != rollout.PurposeReplace: // those there is nothing to try of
		m = markUnknown
	}
	p.bullet(m, p.say("plan-write", map[string]any{
		"number": strconv.Itoa(w.N), "object": inline(w.Object.String()), "purpose": p.say("rollout-write-"+string(w.Purpose), nil),
	}))
	switch {
	case w.Refused != "":
		for _, l := range wrap(p.say("plan-write-refused", map[string]any{"message": w.Refused}), p.prose()-6) {
			p.line("      " + l)
		}
	case withDiff:
		p.diff(w.Diff)
	}
}

// diff writes a unified diff; Table leaves the lines out that stay, and what is beyond its share.
func (p *page) diff(text string) {
	if text == "" {
		return
	}
	var lines []string
	for _, l := range strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n") {
		if p.wide || strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") {
			lines = append(lines, l)
		}
	}
	rest := 0
	if !p.wide && len(lines) > diffShown {
		lines, rest = lines[:diffShown], len(lines)-diffShown
	}
	for _, l := range lines {
		if !p.wide {
			l = cut(l, p.full()-6, p.style.ellipsis())
		}
		p.line("      " + p.style.paint(toneOf(l), l))
	}
	if rest > 0 {
		p.line("      " + p.style.paint(faint, p.say("plan-lines-more", map[string]any{"n": rest})))
	}
}

func toneOf(line string) tone {
	switch {
	case strings.HasPrefix(line, "+"):
		return good
	case strings.HasPrefix(line, "-"):
		return bad
	}
	return faint
}
