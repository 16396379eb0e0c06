package render

import (
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// checkPart is what the API server would say of each manifest.
type checkPart struct{ report quota.CheckReport }

func (c checkPart) nothing(p *page) {
	pods, unsure := 0, false
	for _, a := range c.report.Admission {
		unsure = unsure || a.Allowed == nil
		if a.Pods != nil {
			pods += a.Pods.Asked
		}
	}
	args := map[string]any{"manifests": len(c.report.Admission), "pods": pods, "against": string(c.report.Against)}
	tail := p.uncheckedTail(c.report.Report)
	switch {
	case len(c.report.Admission) == 0:
		p.headline(markInfo, p.say("check-empty", nil), tail)
	case unsure:
		p.headline(markInfo, p.say("check-unsure", args), tail)
	default:
		p.headline(markOK, p.say("check-nothing", args), tail)
	}
}

func (c checkPart) write(p *page) error {
	if len(c.report.Admission) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("check-head", nil)))
	shown, quiet := c.shown(p.wide)
	rows := make([]row, len(shown))
	for i, a := range shown {
		rows[i] = p.admission(a, c.report.Scope.Namespace)
	}
	if err := p.table("  ", []string{p.say("check-object", nil), p.say("check-answer", nil), p.say("check-pods", nil), p.say("check-nodes", nil)}, rows); err != nil {
		return err
	}
	if quiet > 0 {
		p.line("  " + p.style.paint(faint, p.say("check-quiet", map[string]any{"n": quiet})))
	}
	c.against(p)
	return nil
}

// shown leaves out what makes no pods and is let in, where there is much of it
// beside other manifests, and says how many those are.
func (c checkPart) shown(all bool) (shown []quota.Admission, quiet int) {
	const few = 5
	for _, a := range c.report.Admission {
		if a.Allowed == nil || !*a.Allowed || a.Pods != nil {
			shown = append(shown, a)
		}
	}
	quiet = len(c.report.Admission) - len(shown)
	if all || quiet <= few || len(shown) == 0 {
		return c.report.Admission, 0
	}
	return shown, quiet
}

// against says what the answer rests on, where that is not the cluster.
func (c checkPart) against(p *page) {
	if c.report.Against == quota.AgainstCluster {
		return
	}
	text := p.say("check-against", map[string]any{"against": string(c.report.Against), "at": c.report.TakenAt.UTC().Format(time.RFC3339)})
	for _, l := range wrap(text, p.prose()-2) {
		p.line("  " + p.style.paint(faint, l))
	}
}

func (p *page) admission(a quota.Admission, namespace string) row {
	r := row{mark: markOK, cells: []string{within(a.Object, namespace), p.say("check-yes", nil), "", ""}}
	switch {
	case a.Allowed == nil:
		r.mark, r.cells[1] = markInfo, p.say("check-unknown", nil)
	case !*a.Allowed:
		r.mark, r.cells[1] = markError, p.say("check-no", map[string]any{"by": strings.TrimSpace(refusing(a))})
	}
	if a.Pods == nil {
		return r
	}
	r.cells[2] = p.say("check-count", map[string]any{"n": a.Pods.Allowed, "all": a.Pods.Asked})
	if a.Pods.Placed != nil {
		r.cells[3] = p.say("check-count", map[string]any{"n": *a.Pods.Placed, "all": a.Pods.New})
	}
	return r
}

// refusing names what refuses: "resourcequota/compute requests.cpu".
func refusing(a quota.Admission) string {
	kind := map[quota.By]string{quota.ByQuota: "resourcequota/", quota.ByLimitRange: "limitrange/"}[a.By]
	switch {
	case kind != "":
		return kind + a.Name + " " + a.Resource
	case a.By == quota.ByValidation:
		return "validation " + a.Resource
	}
	return ""
}
