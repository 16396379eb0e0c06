package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
)

// trafficPart is whether traffic passes, and who decides.
type trafficPart struct{ report inspect.TrafficReport }

func passMark(a policy.Answer) mark {
	switch a {
	case policy.Yes:
		return markOK
	case policy.No:
		return markError
	case policy.Partly:
		return markWarning
	case policy.Unknown:
	}
	return markUnknown
}

func (t trafficPart) headline(p *page, tail string) {
	r := t.report
	ns := r.Scope.Namespace
	args := map[string]any{"from": within(r.From, ns), "to": within(r.To, ns), "port": ""}
	if len(r.Traffic) == 1 {
		args["port"] = r.Traffic[0].Port
	}
	p.headline(passMark(r.Passes), p.say("traffic-"+string(r.Passes), args), tail)
}

func (t trafficPart) nothing(p *page) { t.headline(p, p.uncheckedTail(t.report.Report)) }

func (t trafficPart) write(p *page) error {
	r := t.report
	if len(r.Findings) > 0 {
		p.gap()
		t.headline(p, "")
	}
	for _, one := range r.Traffic {
		p.gap()
		head := p.say("traffic-any-port", nil)
		if one.Port != "" {
			head = p.say("traffic-port", map[string]any{"port": one.Port})
		}
		if one.Pairs > 1 || len(r.Traffic) > 1 {
			head += ": " + within(one.From, r.Scope.Namespace) + " " + p.style.arrow() + " " + within(one.To, r.Scope.Namespace)
		}
		if one.Pairs > 1 {
			head += " " + p.say("traffic-pairs", map[string]any{"n": one.Pairs - 1})
		}
		for _, l := range wrap(inline(head), p.prose()) {
			p.line(p.style.paint(strong, l))
		}
		var rows []row
		rows = append(rows, t.side(p, "egress", one.Egress, one.Exempt)...)
		rows = append(rows, t.side(p, "ingress", one.Ingress, one.Exempt)...)
		if err := p.table("  ", p.headers("traffic-side", "traffic-policy", "traffic-answer"), rows); err != nil {
			return err
		}
	}
	p.gap()
	for _, n := range r.Notes {
		p.bullet(markInfo, n)
	}
	return nil
}

// side is a row for each policy of a direction, or one that says why there is none.
func (t trafficPart) side(p *page, direction string, s inspect.PassageSide, exempt policy.Exemption) []row {
	name := p.say("traffic-"+direction, nil)
	switch {
	case exempt == policy.SamePod:
		return []row{{passMark(s.Passes), []string{name, "", p.say("traffic-same-pod", nil)}}}
	case exempt == policy.OwnNode && s.Passes == policy.Yes && s.Isolated:
		return []row{{passMark(s.Passes), []string{name, "", p.say("traffic-exempt-node", nil)}}}
	case len(s.Policies) == 0 && s.Passes == policy.Yes:
		return []row{{passMark(s.Passes), []string{name, "", p.say("traffic-open", nil)}}}
	case len(s.Policies) == 0:
		return []row{{passMark(s.Passes), []string{name, "", p.say("traffic-untold", nil)}}}
	}
	rows := make([]row, 0, len(s.Policies))
	for i, one := range s.Policies {
		if i > 0 {
			name = ""
		}
		answer := p.say("traffic-names-"+string(one.Passes), map[string]any{"path": one.Path})
		rows = append(rows, row{policyMark(one.Passes, s.Passes), []string{name, strings.TrimPrefix(one.Policy.String(), "networkpolicy/"), answer}})
	}
	return rows
}

// policyMark: a policy that does not name the traffic is no fault where another one does.
func policyMark(one, side policy.Answer) mark {
	if one == policy.No && side != policy.No {
		return noMark
	}
	return passMark(one)
}
