package render

import (
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// headroomPart is how far each workload can grow.
type headroomPart struct{ report quota.HeadroomReport }

func (h headroomPart) nothing(p *page) {
	tail := p.uncheckedTail(h.report.Report)
	switch all := h.report.Headroom; len(all) {
	case 0:
		p.headline(markInfo, p.say("headroom-none", map[string]any{"targets": p.targets(h.report.Scope), "unread": len(h.report.NotChecked) > 0}), tail)
	case 1:
		p.headline(headroomMark(all[0]), p.one(all[0], h.report.Scope.Namespace), tail)
	default:
		full, free := 0, 0
		for _, w := range all {
			switch {
			case w.Replicas == nil:
				free++
			case *w.Replicas == 0:
				full++
			}
		}
		m := markOK
		switch {
		case full > 0:
			m = markWarning
		case free > 0:
			m = markInfo
		}
		p.headline(m, p.say("headroom-many", map[string]any{"workloads": len(all), "full": full, "free": free}), tail)
	}
}

// one is the answer for a workload in a sentence.
func (p *page) one(w quota.Headroom, namespace string) string {
	args := map[string]any{"workload": within(w.Workload, namespace), "n": 0, "binds": p.binds(w), "most": w.AtMost}
	if w.Replicas == nil {
		return p.say("headroom-unlimited", args)
	}
	args["n"] = *w.Replicas
	return p.say("headroom-one", args)
}

func headroomMark(w quota.Headroom) mark {
	switch {
	case w.Replicas != nil && *w.Replicas == 0:
		return markWarning
	case w.AtMost || w.Replicas == nil:
		return markInfo
	}
	return markOK
}

// binds names what binds: "quota compute requests.cpu".
func (p *page) binds(w quota.Headroom) string {
	return p.binding(w.BindingKind, w.BindingName, w.BindingResource)
}

func (p *page) binding(kind quota.Binding, name, resource string) string {
	switch kind {
	case quota.BindsQuota:
		return strings.TrimSpace("quota " + name + " " + resource)
	case quota.BindsLimitRange:
		return strings.TrimSpace("limitrange " + name + " " + resource)
	case quota.BindsValidation, quota.BindsOther:
		return p.say("headroom-refused", nil)
	case quota.BindsPodSlots:
		return p.say("headroom-slots", nil)
	case quota.BindsNodes:
		return p.say("headroom-nodes", map[string]any{"resource": resource})
	}
	return ""
}

func (h headroomPart) write(p *page) error {
	if len(h.report.Headroom) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("headroom-head", nil)))
	rows := make([]row, len(h.report.Headroom))
	for i, w := range h.report.Headroom {
		rows[i] = row{mark: headroomMark(w), cells: []string{within(w.Workload, h.report.Scope.Namespace), strconv.Itoa(w.Pods), p.more(w), p.binds(w), p.update(w), p.autoscaled(w.Autoscaler)}}
	}
	headers := []string{p.say("headroom-workload", nil), p.say("headroom-now", nil), p.say("headroom-more", nil), p.say("headroom-binds", nil), p.say("headroom-update", nil), p.say("headroom-hpa", nil)}
	if err := p.table("  ", headers, rows); err != nil {
		return err
	}
	h.legend(p)
	if p.wide || len(h.report.Headroom) == 1 {
		if err := h.constraints(p); err != nil {
			return err
		}
	}
	h.explain(p)
	if h.report.Waiting > 0 {
		p.gap()
		p.bullet(markInfo, p.say("headroom-waiting", map[string]any{"n": h.report.Waiting}))
	}
	return nil
}

// legend says what +1/2 means, where any line says so.
func (h headroomPart) legend(p *page) {
	surges, slow := false, false
	for _, w := range h.report.Headroom {
		if u := w.Update; u != nil && u.Surge > 0 && !u.Stalls && (u.Room != nil || !w.AtMost) {
			surges, slow = true, slow || !u.PeakFits
		}
	}
	if !surges {
		return
	}
	for _, l := range wrap(p.say("headroom-legend", map[string]any{"slow": slow}), p.prose()-2) {
		p.line("  " + p.style.paint(faint, l))
	}
}

func (p *page) more(w quota.Headroom) string {
	switch {
	case w.Replicas == nil:
		return "-"
	case w.AtMost:
		return "<=" + strconv.Itoa(*w.Replicas)
	}
	return strconv.Itoa(*w.Replicas)
}

// update says whether a rolling update gets its extra pods: "+1/1".
func (p *page) update(w quota.Headroom) string {
	u := w.Update
	switch {
	case u == nil:
		return ""
	case u.Stalls:
		return p.say("headroom-stalls", nil)
	case u.Surge == 0:
		return p.say("headroom-in-place", nil)
	}
	room := u.Surge
	if u.Room != nil {
		room = *u.Room
	} else if w.AtMost { // nothing that limits could be read
		return "-"
	}
	return p.say("headroom-surge", map[string]any{"most": w.AtMost, "n": room, "all": u.Surge, "slow": !u.PeakFits})
}

func (p *page) autoscaled(a *quota.Autoscaled) string {
	if a == nil {
		return ""
	}
	return p.say("headroom-max", map[string]any{"max": a.Max, "missing": a.Missing})
}

// constraints lists the arithmetic, the tightest first.
func (h headroomPart) constraints(p *page) error {
	for _, w := range h.report.Headroom {
		if len(w.Constraints) == 0 {
			continue
		}
		p.gap()
		p.line(p.style.paint(strong, p.say("headroom-constraints", map[string]any{"workload": within(w.Workload, h.report.Scope.Namespace)})))
		rows := make([]row, len(w.Constraints))
		for i, c := range w.Constraints {
			message := ""
			if c.Replicas == 0 || p.wide {
				message = c.Message
			}
			rows[i] = row{cells: []string{p.binding(c.Kind, c.Name, c.Resource), strconv.Itoa(c.Replicas), c.Each, c.Used, c.Hard, message}}
		}
		headers := []string{p.say("headroom-constraint", nil), p.say("headroom-more", nil), p.say("headroom-each", nil), p.say("headroom-used", nil), p.say("headroom-hard", nil), p.say("headroom-why", nil)}
		if err := p.table("  ", headers, rows); err != nil {
			return err
		}
	}
	return nil
}
